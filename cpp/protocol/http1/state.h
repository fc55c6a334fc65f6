// What an HTTP/1 server connection is told (options) and what it remembers of the request and the
// response under way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/http_date.h"
#include "base/time.h"
#include "protocol/connection.h"
#include "protocol/handler.h"
#include "protocol/http1/body_reader.h"
#include "protocol/http1/read.h"

namespace zyphos::http1 {

// Decides what a connection becomes when a request asks to upgrade (RFC 9110, 7.8) or for a tunnel
// (9.3.6). Whatever follows the head in the input is the successor's.
class Upgrader {
 public:
  virtual ~Upgrader() = default;
  // Null: not this one, it is answered as an ordinary request. Else `answer_fields` are the field
  // lines of the 101 answer
  // ("Upgrade: ...\r\n" and what the protocol needs; "Connection: upgrade" is written by the
  // server).
  virtual std::unique_ptr<Connection> upgrade(const RequestHead& head,
                                              std::string& answer_fields) = 0;
  // CONNECT to the head's target; null: there is no way there, which is answered 501.
  virtual std::unique_ptr<Connection> connect(const RequestHead&) { return nullptr; }
};

struct ServerOptions {
  ReadLimits limits;
  Parser parser = kDescent;
  bool lenient = false;      // what common servers put up with is taken (rule.h), else refused
  bool known_heads = false;  // a head of the same bytes as the one before is only compared
  std::uint64_t body_bytes_max = std::uint64_t{1} << 40;  // beyond: 413
  std::int64_t idle_timeout_ns =
      60 * kSecond_ns;  // between requests; within one: without any progress
  std::int64_t header_timeout_ns = 10 * kSecond_ns;  // from a head's first byte to its last
  std::optional<std::int64_t> body_timeout_ns;       // from a head's end to its body's last byte
  std::string constant_fields;     // whole field lines for every answer, such as Server
  const HttpDate* date = nullptr;  // for every answer; outlives the connections
  Upgrader* upgrader = nullptr;    // outlives the connections
};

// The request under way, from its head to the end of its body.
struct RequestState {
  BodyReader body;
  bool end_shown = true;   // the exchange has been told of the body's end
  bool head_only = false;  // HEAD
  std::uint8_t version_minor = 1;
  std::uint64_t size = 0;  // body bytes so far
};

// The response under way.
struct ResponseState {
  bool head_written = false;
  bool has_body = true;  // false: what the exchange gives is dropped (HEAD, 204, 304)
  bool failed = false;   // the exchange gave more than it declared, or an impossible head
  bool close = false;    // the connection ends after it
  Body body = Body::length;
  std::uint64_t left = 0;  // Body::length: bytes that the exchange still owes
};

}  // namespace zyphos::http1
