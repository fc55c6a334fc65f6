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
#include "base/error.h"
#include "base/time.h"
#include "protocol/driver.h"
#include "protocol/waker.h"

namespace zyphos {

class Context;

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
class Context {
 public:
  explicit Context(Driver& driver) : driver_(driver) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // For use on any thread; and what one can be made of, or none.
  Waker waker() const { return wake_source(); }
  WakeSource wake_source() const { return {driver_.wakes, number_, generation_}; }
  Dialer& dialer() const { return driver_.dial; }
  // Who is at the other end.
  Caller caller() const { return {driver_.callers, number_}; }
  Random& random() const { return driver_.random; }
  Counters& counters() const { return driver_.counters; }
  // True once the driver drains: finish what is under way, take nothing new.
  bool draining() const { return driver_.draining.load(std::memory_order_relaxed); }
  // Is this answer the last one? So it is too where the driver leaves to a successor: who can be
  // told is told; who waits for nothing may go on waiting.
  bool last_answer() const {
    return draining() ||
           (driver_.leaving != nullptr && driver_.leaving->load(std::memory_order_relaxed));
  }

  // Replaces the calling connection by `successor` after the present advance or start returns. Held
  // bytes, slot and waker pass on; the successor gets start() and a first advance with everything
  // not consumed.
  void become(std::unique_ptr<Connection> successor) { successor_ = std::move(successor); }

  // --- for the driver ---

  Driver& driver() const { return driver_; }
  // Which of its connections this is, and whose turn under that number.
  void number(std::uint32_t number, std::uint32_t generation) {
    number_ = number;
    generation_ = generation;
  }
  std::uint32_t number() const { return number_; }
  std::uint32_t generation() const { return generation_; }
  std::unique_ptr<Connection> take_successor() { return std::move(successor_); }
  bool has_successor() const { return successor_ != nullptr; }

 private:
  Driver& driver_;
  std::uint32_t number_ = 0;
  std::uint32_t generation_ = 0;
  std::unique_ptr<Connection> successor_;
};

}  // namespace zyphos
