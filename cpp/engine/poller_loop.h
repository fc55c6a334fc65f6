// PollerLoop: what loops above a Poller share, whether a connection's code is called back
// (readiness_loop.cpp) or is a coroutine (coroutine_loop.cpp): waiting, accepting, watching, and
// how one connection's bytes move until it has had its turn. What is done with a connection next is
// the derived class's serve().
//
// Thread safety: as LoopCore.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/loop.h"
#include "engine/lost.h"
#include "engine/poller.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {

struct PolledConnection : LoopConnection {
  using LoopConnection::LoopConnection;

  void take(const Ready& ready) {
    told = ready.readable;
    readable |= ready.readable || ready.hung_up;
    hung_up |= ready.hung_up;
    blocked &= !(ready.writable || ready.hung_up);
  }

  Watch watch;            // what the poller looks for
  Errc lost = Errc::ok;   // how its peer was lost, where Moved::lost was returned
  bool watched = false;   // the poller knows it, though after a oneshot it looks for nothing
  bool told = false;      // input was told of and recv has not looked since
  bool readable = false;  // input was told of and recv has not yet found the end of it
  bool blocked = false;   // send has found no room and none was told of since
  bool hung_up = false;   // FIN or an error is behind the bytes: no short receive ends the edge
  bool queued = false;    // has had its turn and wants another
};

class PollerLoop : public LoopCore {
 public:
  PollerLoop(LoopSetup setup, std::unique_ptr<Poller> poller);
  void run() override;

 protected:
  static constexpr std::size_t kReceive_bytes = 64 * 1024;
  // Fairness: what one connection may do before the others have their turn, besides receiving.
  static constexpr int kPumpsPerTurn = 16;

  // What came of moving a connection's bytes.
  enum class Moved : std::uint8_t {
    on,     // all that there was
    waits,  // nothing there, or the socket has no room
    more,   // it has had its turn
    lost,   // the peer, as `lost` says; the connection is still to be ended
  };

  // Watches it; one that is accepted is served.
  void begin(LoopConnection& base) override;
  void drop(LoopConnection& base) override;

  // Sends what there is, pumping while that makes room.
  Moved send(PolledConnection& connection);
  // Shows what came to the protocol, whose answer is sent before the buffer is used again.
  Moved receive_once(PolledConnection& connection);
  // The FIN, when it is due.
  void finish(PolledConnection& connection);
  // It is served again after the others.
  void queue(PolledConnection& connection);
  // Looks for what it wants and for nothing else, which by level would be told for ever. False: it
  // could not be watched, the connection is gone.
  bool watch(PolledConnection& connection);

  Trigger trigger() const { return trigger_; }
  // As options.readiness has it.
  unsigned receives_per_turn() const { return receives_per_turn_; }

 private:
  void watch_listener(bool on) override;
  void catch_up() override;

  // False: the peer was lost.
  bool flush_once(PolledConnection& connection);

  std::span<const Ready> wait();
  void handle(const Ready& ready);
  void serve_queued();
  void accept_some();
  bool take_in(Fd fd);
  void take_in_held();
  void unwatch(PolledConnection& connection);

  std::unique_ptr<Poller> poller_;
  Trigger trigger_;  // of connections
  unsigned receives_per_turn_;
  bool removes_;           // a connection is removed from the poller before it is closed
  bool watching_ = false;  // the listener
  Fd held_;                // accepted, and too high for the poller
  std::vector<std::byte> buffer_;
  std::vector<std::uint64_t> queue_;
  std::vector<std::uint64_t> served_;
};

// --- the bytes of every request, so inlined ---

inline bool PollerLoop::flush_once(PolledConnection& connection) {
  Outbox& out = connection.slot.out();
  const std::size_t pending = out.pending();
  const Flush flushed = flush(connection.fd.get(), out, counters_);
  if (out.pending() < pending) connection.slot.progressed(now_);
  connection.blocked = flushed == Flush::blocked;
  if (flushed == Flush::done || connection.blocked) return true;
  connection.lost = lost_error(flushed);
  return false;
}

inline PollerLoop::Moved PollerLoop::send(PolledConnection& connection) {
  Slot& slot = connection.slot;
  for (int n = 0; !connection.blocked; ++n) {
    if (slot.has_output() && !flush_once(connection)) return Moved::lost;
    if (!slot.wants_pump()) return Moved::on;
    if (n == kPumpsPerTurn) return Moved::more;
    slot.pump(now_);
  }
  return Moved::waits;
}

inline PollerLoop::Moved PollerLoop::receive_once(PolledConnection& connection) {
  const Bytes room(buffer_.data(), kReceive_bytes);
  const Received received = receive(connection.fd.get(), room, MSG_DONTWAIT, counters_);
  const bool told = std::exchange(connection.told, false);
  switch (received.state) {
    case Receive::bytes:
      rearm_quickack(connection.fd.get(), setup_.options.socket);
      if (received.size < kReceive_bytes && !connection.hung_up) connection.readable = false;
      connection.slot.input(room.first(received.size));
      break;
    case Receive::again:
      connection.readable = false;
      if (told) counters_.add(Counter::reads_spurious);
      return Moved::waits;
    case Receive::finished:
      connection.readable = false;
      connection.slot.peer(Peer::finished);
      break;
    case Receive::reset: connection.lost = Errc::peer_reset; return Moved::lost;
    case Receive::failed: connection.lost = Errc::system; return Moved::lost;
  }
  connection.slot.pump(now_);
  const Moved sent = send(connection);
  if (sent != Moved::lost) connection.slot.settle();
  return sent;
}

inline void PollerLoop::finish(PolledConnection& connection) {
  if (!connection.slot.wants_fin()) return;
  ::shutdown(connection.fd.get(), SHUT_WR);
  connection.slot.fin_sent();
  connection.slot.progressed(now_);
}

}  // namespace zyphos
