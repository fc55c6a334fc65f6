// What answers a request, whatever the HTTP version carried it. A Handler is the application; an
// Exchange is one request with its response. HTTP connections call them; they know nothing of
// connections, sockets or versions.
//
// Thread safety: begin() may be called by several driver threads at once; an Exchange is called by
// one, its connection's. Cost: an Exchange should derive from Recycled<> (memory/recycled.h) so
// that none is allocated in steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/counters.h"
#include "base/random.h"
#include "base/time.h"
#include "protocol/caller.h"
#include "protocol/outbox.h"
#include "protocol/waker.h"

namespace zyphos {

struct Header {
  std::string_view name;  // as received; compare without case (RFC 9110, 5.1)
  std::string_view value;
};

// A request's head. All views end with the begin() that was handed it: copy what is needed later.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // as on the request line (HTTP/2: ":path")
  // Between the views, because GCC clears a longer run of zeros by `rep stos`, for each request.
  std::uint8_t version_major = 1;
  std::uint8_t version_minor = 1;
  bool has_body = false;
  std::string_view authority;  // Host or ":authority"; empty when there is none
  std::span<const Header> headers;
  std::optional<std::uint64_t> content_length;  // empty: unknown until the end (chunked) or no body

  // The first header of that name (ASCII case-insensitive), or nullptr. O(headers).
  const Header* find(std::string_view name) const;
};

struct ResponseHead {
  std::uint16_t status = 200;
  std::span<const Header>
      headers;  // without framing and connection headers: those are the protocol's
  // The same once more as field lines ("Vary: accept\r\n..."), from who gives them often: HTTP/1
  // copies them in one piece. Empty: it makes them itself.
  std::string_view field_lines = {};
  std::optional<std::uint64_t>
      content_length;  // empty: ended by the framing (chunked; HTTP/1.0: close)
};

// Where an Exchange puts its response. Valid only within the call it was handed to.
class Sink {
 public:
  virtual ~Sink() = default;
  // Once, before any body. False: no room now, ask again at the next produce().
  virtual bool head(const ResponseHead& head) = 0;
  // Body bytes that body() takes now.
  virtual std::size_t room() const = 0;
  // Copies a prefix of `bytes`; returns its length.
  virtual std::size_t body(ConstBytes bytes) = 0;
  // Sends the bytes from where they are; false: not now (the hold is released).
  virtual bool refer(ConstBytes bytes, Hold hold) = 0;
  // Whether file() may be called for this response: not where the engine has no way to send a file,
  // nor where its bytes have to be framed. Known once the head is given.
  virtual bool takes_files() const { return false; }
  // As refer(), for a range of an open file.
  virtual bool file(FileRange, Hold) { return false; }
  // In place of all that: head and body in one piece, copied; the body is all of it, whatever
  // content_length says. False: no room for both, nothing was taken; head() and body() go on.
  virtual bool whole(const ResponseHead& head, ConstBytes body) = 0;
};

enum class Produce : std::uint8_t {
  more,     // has more to give as soon as there is room
  pending,  // waits for more of the request's body, or promises a wake
  done,     // the response is complete
  failed,   // cannot be completed: 500 when no head was sent, else the connection (or stream) is
            // aborted
};

// What an Exchange may hold of its connection.
struct ExchangeContext {
  WakeSource wake;  // make a Waker of it
  Random& random;
  Counters& counters;
  Time now;
  Caller caller = {};
};

class Exchange {
 public:
  // Destruction before done is cancellation.
  virtual ~Exchange() = default;
  // The request's body as it comes; returns the consumed prefix (less than all: back-pressure; the
  // rest is shown again after the next produce()). `end` with the last bytes, possibly with none:
  // reached once all of them are consumed. Not called for a request without a body.
  virtual std::size_t body(Bytes bytes, bool end) = 0;
  // Called after begin(), after body(), on wakes, when there is room again, and spuriously.
  virtual Produce produce(Sink& sink, Time now) = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // For who has the answer at hand: called first, for a request without a body. True: sink.whole()
  // has taken it, and no exchange is made. False: nothing was given, begin() follows.
  virtual bool answer(const RequestHead&, Sink&) { return false; }
  // Never null. Must not throw.
  virtual std::unique_ptr<Exchange> begin(const RequestHead& head,
                                          const ExchangeContext& context) = 0;
};

}  // namespace zyphos
