// The client role on the seam: what the load generator, the proxy and two-peer tests speak to.
//
// Order of calls by the driver: submit() any number of times, then advance(); then completed(). Not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/connection.h"
#include "protocol/handler.h"

namespace zyphos {

// One request to make. Immutable, and alive until every submit of it has completed: clients may
// keep what they serialised of it, by its address.
struct Request {
  std::string_view method = "GET";
  std::string_view target = "/";
  std::string_view authority;
  std::span<const Header> headers;
  ConstBytes body;
  // Where set, what a right answer's body is.
  std::optional<ConstBytes> expected_body{};
};

struct Completion {
  std::uint64_t tag = 0;
  Errc error = Errc::ok;     // ok: a complete response came, whatever its status
  std::uint16_t status = 0;  // 0 where the protocol has none
  std::uint64_t body_bytes = 0;
  bool body_expected = true;  // false: the body is not the expected one (where one was given)
};

class Client : public Connection {
 public:
  // Takes a request, to be written at the next advance. False: not now (pipeline full, closing).
  virtual bool submit(const Request& request, std::uint64_t tag) = 0;
  // Submitted and not yet completed.
  virtual std::size_t outstanding() const = 0;
  // Since the last call of completed(), in order of completion; valid until the next advance. When
  // the connection ends, what is outstanding completes with its error.
  virtual std::span<const Completion> completed() = 0;
};

}  // namespace zyphos
