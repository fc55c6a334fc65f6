// Slot: the driver's side of the seam, the same for every driver (engines, load generator,
// simulation): it holds one connection with its inbox and outbox, calls it as the contract says and
// tells the driver what to do on the wire.
//
// A round of a driver: [input(chunk)] [peer(..)] pump(now); send what `out()` holds, telling
// sent(); pump again while wants_pump(); settle() before the chunk's memory is reused; then act on
// wants_fin(), finished(), deadline(). Not thread-safe. Allocates nothing in steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/connection.h"
#include "protocol/inbox.h"
#include "protocol/outbox.h"

namespace zyphos {

struct SlotLimits {
  std::size_t inbox_bytes = 64 * 1024;  // a message that does not fit is Errc::input_limit
  std::int64_t linger_ns =
      2 * kSecond_ns;   // how long a closed connection discards input before it is dropped
  bool lingers = true;  // off: once all is with the kernel it is dropped, unread input or not
};

class Slot {
 public:
  Slot(BlockPool& pool, const SlotLimits& limits, bool takes_files = false)
      : limits_(limits), in_(pool, limits.inbox_bytes), out_(pool, takes_files) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Takes a connection; the first advance is the first pump(). The references in Context outlive
  // the slot.
  void open(std::unique_ptr<Connection> connection, Waker wake, Dialer& dial, Random& random,
            Counters& counters, const std::atomic<bool>& draining,
            const std::atomic<bool>* leaving = nullptr);

  // Bytes just received, in the driver's memory (kReadPadding readable behind). At most once before
  // settle().
  void input(Bytes chunk);
  void peer(Peer state);
  void woken(std::uint32_t tag) { connection_->woken(tag); }

  // Advances the connection as long as that makes progress.
  void pump(Time now);
  // A flush has made room that the connection waits for.
  bool wants_pump() const {
    return phase_ == Phase::run && need_ == Need::room && out_.room() > room_at_pump_;
  }
  void settle();

  Outbox& out() { return out_; }
  const Outbox& out() const { return out_; }
  Connection& connection() { return *connection_; }

  // Should the driver receive? (Back-pressure; a lingering connection reads to discard.)
  bool wants_input() const {
    return peer_ == Peer::open && phase_ != Phase::abort &&
           (phase_ == Phase::linger || !in_.full());
  }
  // Everything is flushed and a FIN is due; the driver sends it and tells fin_sent().
  bool wants_fin() const { return fin_ == Fin::due && out_.empty(); }
  void fin_sent() { fin_ = Fin::sent; }
  // The kernel took some of the output, or the FIN: a closed connection lingers from now on, so
  // that a slow reader gets its answer whole.
  void progressed(Time now) {
    if (phase_ == Phase::linger) deadline_ = now + limits_.linger_ns;
  }
  // The driver closes the socket: `abortive()` with a RST.
  bool finished() const;
  bool abortive() const { return phase_ == Phase::abort; }
  // When pump() is to be called at the latest.
  Time deadline() const { return deadline_; }
  // The first error, Errc::ok while there is none.
  Errc error() const { return error_; }
  Peer peer_state() const { return peer_; }
  // Ends it with a RST and counts `error`.
  void abort(Errc error);

 private:
  enum class Phase : std::uint8_t { run, linger, abort };
  enum class Fin : std::uint8_t { none, due, sent };

  bool advance(Time now);
  void follow(const Step& step, Time now);
  void swap_in_successor();
  void fail(Errc error);

  SlotLimits limits_;
  Inbox in_;
  Outbox out_;
  std::optional<Context> context_;  // outlives the connections
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Connection> replaced_;
  Time deadline_ = Time::never();
  std::size_t room_at_pump_ = 0;
  Peer peer_ = Peer::open;
  Phase phase_ = Phase::run;
  Fin fin_ = Fin::none;
  Need need_ = Need::input;
  Errc error_ = Errc::ok;
};

}  // namespace zyphos
