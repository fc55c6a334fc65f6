#include "engine/readiness_loop.h"

#include "engine/poller_loop.h"
#include "memory/recycled.h"

namespace zyphos {
namespace {

struct ReadyConnection final : PolledConnection, Recycled<ReadyConnection> {
  using PolledConnection::PolledConnection;
};

class ReadinessLoop final : public PollerLoop {
 public:
  using PollerLoop::PollerLoop;

 private:
  std::unique_ptr<LoopConnection> make() override;
  void serve(LoopConnection& base, Cause cause) override;

  bool stays(PolledConnection& connection, Moved moved);
  bool receive_some(PolledConnection& connection);
  void conclude(PolledConnection& connection);
};

std::unique_ptr<LoopConnection> ReadinessLoop::make() {
  return std::make_unique<ReadyConnection>(driver_);
}

// After bytes have moved. False: the peer was lost, the connection is gone.
bool ReadinessLoop::stays(PolledConnection& connection, Moved moved) {
  if (moved == Moved::lost) {
    lose(connection, connection.lost);
    return false;
  }
  if (moved == Moved::more) queue(connection);
  return true;
}

void ReadinessLoop::serve(LoopConnection& base, Cause cause) {
  auto& connection = static_cast<PolledConnection&>(base);
  // Draining: a request that already lies in the socket is still answered, so receiving goes first.
  const bool late = cause == Cause::other && setup_.draining.load(std::memory_order_relaxed);
  if (late) connection.readable = true;
  if (cause == Cause::other && !late) connection.slot.pump(now_);
  if (!stays(connection, send(connection))) return;
  if (!receive_some(connection)) return;
  if (late) {
    connection.slot.pump(now_);
    if (!stays(connection, send(connection))) return;
  }
  conclude(connection);
}

// Receives until the end of what was told of, or the turn's. False: the connection is gone.
bool ReadinessLoop::receive_some(PolledConnection& connection) {
  for (unsigned n = 0; connection.readable && connection.slot.wants_input(); ++n) {
    if (n == receives_per_turn()) {
      // By level the rest is told again.
      connection.readable = trigger() == Trigger::edge;
      if (connection.readable) queue(connection);
      return true;
    }
    if (!stays(connection, receive_once(connection))) return false;
  }
  return true;
}

void ReadinessLoop::conclude(PolledConnection& connection) {
  Slot& slot = connection.slot;
  finish(connection);
  if (slot.finished()) {
    drop(connection);
    return;
  }
  if (trigger() != Trigger::edge && !watch(connection)) return;
  slot.rest();
  wheel_.schedule(connection, slot.deadline());
}

}  // namespace

std::unique_ptr<Loop> make_epoll_loop(LoopSetup setup) {
  auto poller = make_epoll_poller(setup.counters);
  return std::make_unique<ReadinessLoop>(std::move(setup), std::move(poller));
}

std::unique_ptr<Loop> make_poll_loop(LoopSetup setup) {
  auto poller = make_poll_poller(setup.counters);
  return std::make_unique<ReadinessLoop>(std::move(setup), std::move(poller));
}

std::unique_ptr<Loop> make_select_loop(LoopSetup setup) {
  auto poller = make_select_poller(setup.counters);
  return std::make_unique<ReadinessLoop>(std::move(setup), std::move(poller));
}

}  // namespace zyphos
