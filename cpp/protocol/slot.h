// Slot: the driver's side of the seam, the same for every driver (engines, load generator,
// simulation): it holds one connection with its inbox and outbox, calls it as the contract says and
// tells the driver what to do on the wire.
//
// A round of a driver: [input(chunk)] [peer(..)] pump(now); send what `out()` holds, telling
// sent(); pump again while wants_pump(); settle() before the chunk's memory is reused; then act on
// wants_fin(), finished(), deadline(); rest() until the next. Not thread-safe. Allocates nothing in
// steady state.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "protocol/connection.h"
#include "protocol/driver.h"

namespace zyphos {

class Slot {
 public:
  explicit Slot(Driver& driver) : context_(driver) {}
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Takes a connection; the first advance is the first pump(). Wakes of it name its number and
  // generation.
  void open(std::unique_ptr<Connection> connection, std::uint32_t number = 0,
            std::uint32_t generation = 0);

  // Bytes just received, in the driver's memory (kReadPadding readable behind). At most once before
  // settle().
  void input(Bytes chunk) {
    context_.counters().add(Counter::bytes_in, chunk.size());
    if (phase_ == Phase::run) buffers().in.receive(chunk);
  }
  void peer(Peer state);
  void woken(std::uint32_t tag) { connection_->woken(tag); }

  // Advances the connection as long as that makes progress.
  void pump(Time now);
  // A flush has made room that the connection waits for.
  bool wants_pump() const {
    return phase_ == Phase::run && need_ == Need::room && room() > room_at_pump_;
  }
  void settle() {
    if (buffers_ == nullptr) return;
    buffers_->in.settle();
    const std::uint64_t copied = buffers_->in.take_bytes_copied();
    if (copied > 0) context_.counters().add(Counter::bytes_copied, copied);
  }
  // After a round, settled: while nothing is held, no buffers are.
  void rest() {
    if (buffers_ != nullptr && buffers_->in.empty() && buffers_->out.empty()) give_buffers();
  }

  Outbox& out() { return buffers().out; }
  bool has_output() const { return buffers_ != nullptr && !buffers_->out.empty(); }
  Connection& connection() { return *connection_; }
  const Context& context() const { return context_; }

  // Should the driver receive? (Back-pressure; a lingering connection reads to discard.)
  bool wants_input() const {
    return peer_ == Peer::open && phase_ != Phase::abort &&
           (phase_ == Phase::linger || buffers_ == nullptr || !buffers_->in.full());
  }
  // Everything is flushed and a FIN is due; the driver sends it and tells fin_sent().
  bool wants_fin() const { return fin_ == Fin::due && !has_output(); }
  void fin_sent() { fin_ = Fin::sent; }
  // The kernel took some of the output, or the FIN: a closed connection's time begins anew, so that
  // a slow reader gets its answer whole. `sends`: more of it is on its way, in a box of the
  // driver's.
  void progressed(Time now, bool sends = false) {
    if (phase_ == Phase::linger) deadline_ = now + closing_ns(sends || has_output());
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
  // The driver has lost the peer, or can do no more for it: the connection sees Peer::lost and
  // ends. `why` is what is counted, for the connection can only guess.
  void lose(Errc why, Time now);

 private:
  enum class Phase : std::uint8_t { run, linger, abort };
  enum class Fin : std::uint8_t { none, due, sent };

  bool advance(Time now);
  void follow(const Step& step, Time now);
  void swap_in_successor();
  void fail(Errc error);

  std::int64_t closing_ns(bool sends) const {
    return sends ? std::max(limits().flush_ns, limits().linger_ns) : limits().linger_ns;
  }
  const SlotLimits& limits() const { return context_.driver().limits; }
  SlotBuffers& buffers() {
    if (buffers_ == nullptr) buffers_ = context_.driver().take_buffers();
    return *buffers_;
  }
  void give_buffers() { context_.driver().buffers.give(std::exchange(buffers_, nullptr)); }
  void clear_output() {
    if (buffers_ != nullptr) buffers_->out.clear();
  }
  std::size_t room() const {
    return buffers_ == nullptr ? Outbox::capacity() : buffers_->out.room();
  }

  Context context_;  // outlives the connections
  SlotBuffers* buffers_ = nullptr;
  std::unique_ptr<Connection> connection_;
  Time deadline_ = Time::never();
  std::uint16_t room_at_pump_ = 0;  // a block has less than 64 KiB
  Peer peer_ = Peer::open;
  Phase phase_ = Phase::run;
  Fin fin_ = Fin::none;
  Need need_ = Need::input;
  Errc error_ = Errc::ok;
};

}  // namespace zyphos
