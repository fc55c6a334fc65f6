// ResponseReader: one HTTP/1.1 response (RFC 9112) from its bytes as they come; its body is counted
// and dropped. It knows neither sockets nor time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/http1/body_reader.h"
#include "protocol/http1/read.h"

namespace zyphos::fetch {

class ResponseReader {
 public:
  ResponseReader();

  // Forgets what was read: the next response of the connection.
  void reset();
  // Where the next bytes go; never empty.
  Bytes room() { return Bytes(buffer_).subspan(held_, buffer_.size() - kReadPadding - held_); }
  // So many came. Errc: what is wrong with them (bad_status_line, bad_header, ...).
  Errc came(std::size_t size);
  // The peer has finished: ok where that is the response's end.
  Errc finished();

  bool done() const { return done_; }
  std::uint16_t status() const { return line_.status; }
  std::uint64_t body_bytes() const { return body_bytes_; }
  // The connection serves no further request.
  bool closes() const { return framing_.close || framing_.body == http1::Body::until_close; }

 private:
  Errc read_head(Bytes& rest);
  Errc read_body(Bytes& rest);

  std::vector<std::byte> buffer_;
  std::size_t held_ = 0;
  bool in_body_ = false;
  bool done_ = false;
  std::uint64_t body_bytes_ = 0;
  http1::ResponseLine line_;
  http1::Framing framing_;
  http1::BodyReader body_;
};

}  // namespace zyphos::fetch
