// The seam: a Connection is one peer on one byte stream and does no I/O. Whoever drives it (an
// engine on sockets, the load generator, the simulation) shows it bytes and time and takes bytes
// away. DESIGN.md, "The seam", is the contract.
//
// Thread safety: a Connection is called by one thread at a time, its driver's; only its Waker may
// leave that thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/address.h"
#include "base/bytes.h"
#include "base/counters.h"
#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "protocol/waker.h"

namespace zyphos {

class Outbox;
struct Context;

// What is known of the peer's sending side. Sticky: never goes back.
enum class Peer : std::uint8_t {
  open,      // nothing yet
  finished,  // FIN: no more bytes will come
  lost,      // reset: nothing will come and nothing arrives
};

enum class Next : std::uint8_t {
  run,
  finish,  // FIN once everything is flushed, keep reading
  close,   // flush, FIN, discard input until the peer's FIN or a timeout, then close
  abort,   // RST now
};

// What a connection waits for; tells the driver when calling again makes sense. (Beyond DESIGN.md's
// sketch: without it a driver can't tell a message that doesn't fit from one that waits for its
// handler, nor know what to do after a flush.)
enum class Need : std::uint8_t {
  input,  // more bytes
  room,   // room in the outbox: call again after a flush
  wake,   // its Waker: leaves input unconsumed meanwhile
};

struct Step {
  std::size_t consumed = 0;  // a prefix of `in`
  Next next = Next::run;
  Errc error = Errc::ok;          // counted on the board once, when it first appears
  Time deadline = Time::never();  // call me then at the latest; replaces the earlier one
  Need need = Need::input;
};

class Connection {
 public:
  virtual ~Connection() = default;

  // Once, before the first advance. The Context stays valid for the connection's life.
  virtual void start(Context&) {}

  // A tagged waker was called; the advance follows. Only for those who tell wakers apart.
  virtual void woken(std::uint32_t) {}

  // `in`: every byte held and not yet consumed, mutable within what is consumed, kReadPadding
  // readable bytes behind. Consumes a prefix, writes to `out`, says what next. Called first with
  // empty input on establishment; spurious calls are harmless. Never throws. Must make all the
  // progress it can: it is not called again before something changes.
  virtual Step advance(Bytes in, Peer peer, Outbox& out, Time now) = 0;
};

// Makes connections to other hosts on the same driver (proxies, upstream pools).
class Dialer {
 public:
  virtual ~Dialer() = default;
  // `connection` gets its first advance when established, or with Peer::lost when it can't be.
  virtual void dial(const Address& address, std::unique_ptr<Connection> connection) = 0;
};

// What a connection may hold of its driver; lives as long as the connection's slot.
struct Context {
  Waker wake;
  Dialer& dial;
  Random& random;
  Counters& counters;
  // True once the driver drains: finish what is under way, take nothing new.
  const std::atomic<bool>& draining;
  // Set once the driver leaves to a successor, where one can: a peer that can be told that its
  // answer is the last on this connection is told so; who waits for nothing may go on waiting.
  const std::atomic<bool>* leaving;

  // Is this answer the last one?
  bool last_answer() const {
    return draining.load(std::memory_order_relaxed) ||
           (leaving != nullptr && leaving->load(std::memory_order_relaxed));
  }

  // Replaces the calling connection by `successor` after the present advance or start returns. Held
  // bytes, slot and waker pass on; the successor gets start() and a first advance with everything
  // not consumed.
  void become(std::unique_ptr<Connection> successor) { successor_ = std::move(successor); }

  // For the driver.
  std::unique_ptr<Connection> take_successor() { return std::move(successor_); }
  bool has_successor() const { return successor_ != nullptr; }

  Context(Waker waker, Dialer& dialer, Random& randomness, Counters& board,
          const std::atomic<bool>& drain, const std::atomic<bool>* leave = nullptr)
      : wake(std::move(waker)),
        dial(dialer),
        random(randomness),
        counters(board),
        draining(drain),
        leaving(leave) {}

 private:
  std::unique_ptr<Connection> successor_;
};

}  // namespace zyphos
