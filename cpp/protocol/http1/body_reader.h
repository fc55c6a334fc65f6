// BodyReader: a message's body, whichever way it is delimited (RFC 9112, 6.3).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/bytes.h"
#include "protocol/http1/chunked.h"
#include "protocol/http1/read.h"

namespace zyphos::http1 {

class BodyReader {
 public:
  void open(Body body, std::uint64_t content_length) {
    body_ = body;
    left_ = body == Body::length ? content_length : 0;
    if (body == Body::until_close) left_ = std::numeric_limits<std::uint64_t>::max();
    if (body == Body::chunked) chunked_ = {};
  }

  // Reads framing off `rest`; returns the data that is at its front then, possibly none.
  Bytes data(Bytes& rest) {
    if (body_ != Body::chunked) return rest.first(std::min<std::uint64_t>(left_, rest.size()));
    rest = rest.subspan(chunked_.framing(rest));
    return rest.first(std::min<std::uint64_t>(chunked_.data_left(), rest.size()));
  }
  // So much of the data was taken off `rest`.
  void took(Bytes& rest, std::size_t n) {
    rest = rest.subspan(n);
    if (body_ != Body::chunked) {
      left_ -= n;
    } else if (n > 0) {
      chunked_.took(n);
    }
  }

  // With chunks the end has bytes of its own: it follows the last data.
  bool ends_with(std::size_t n) const { return body_ == Body::length && n == left_; }
  bool done() const { return body_ == Body::chunked ? chunked_.done() : left_ == 0; }
  bool bad() const { return body_ == Body::chunked && chunked_.bad(); }
  Rule rule() const { return chunked_.rule(); }  // bad: why
  Body body() const { return body_; }

 private:
  Body body_ = Body::none;
  std::uint64_t left_ = 0;
  ChunkedReader chunked_;
};

}  // namespace zyphos::http1
