#include "fetch/response.h"

#include <algorithm>

namespace zyphos::fetch {
namespace {

constexpr std::size_t kBuffer_bytes = 64U * 1024;  // more than a head may have

}  // namespace

ResponseReader::ResponseReader() : buffer_(kBuffer_bytes + kReadPadding) {}

void ResponseReader::reset() {
  held_ = 0;
  in_body_ = done_ = false;
  body_bytes_ = 0;
  line_ = {};
  framing_ = {};
}

Errc ResponseReader::came(std::size_t size) {
  held_ += size;
  Bytes rest = Bytes(buffer_).first(held_);
  if (!in_body_) {
    const Errc error = read_head(rest);
    if (error != Errc::ok) return error;
  }
  if (in_body_) {
    const Errc error = read_body(rest);
    if (error != Errc::ok) return error;
  }
  std::ranges::copy(rest, buffer_.begin());
  held_ = rest.size();
  return done_ && held_ > 0 ? Errc::unexpected_data : Errc::ok;
}

// Those of 1xx go before the real one (RFC 9110, 15.2).
Errc ResponseReader::read_head(Bytes& rest) {
  http1::Fields fields;
  while (true) {
    const auto read = http1::read_response(rest, {}, fields, line_, framing_);
    if (read.state == http1::ReadState::bad) return read.error;
    if (read.state == http1::ReadState::partial) return Errc::ok;
    rest = rest.subspan(read.size);
    if (line_.status >= 200) break;
  }
  in_body_ = true;
  body_.open(framing_.body, framing_.content_length);
  return Errc::ok;
}

Errc ResponseReader::read_body(Bytes& rest) {
  while (!body_.done() && !body_.bad()) {
    const std::size_t before = rest.size();
    const std::size_t size = body_.data(rest).size();
    body_.took(rest, size);
    body_bytes_ += size;
    if (rest.size() == before) break;
  }
  done_ = body_.done();
  return body_.bad() ? Errc::bad_chunk : Errc::ok;
}

Errc ResponseReader::finished() {
  done_ = in_body_ && framing_.body == http1::Body::until_close;
  return done_ ? Errc::ok : Errc::truncated;
}

}  // namespace zyphos::fetch
