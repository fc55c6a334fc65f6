#include "engine/coroutine_loop.h"

#include <utility>

#include "engine/coroutine.h"
#include "engine/poller_loop.h"
#include "memory/recycled.h"

namespace zyphos {
namespace {

struct CoroutineConnection final : PolledConnection, Recycled<CoroutineConnection> {
  using PolledConnection::PolledConnection;

  Coroutine coroutine;
  // Something else than its socket has called: a deadline, a wake, a drain.
  bool called = false;
};

class CoroutineLoop final : public PollerLoop {
 public:
  CoroutineLoop(LoopSetup setup, std::unique_ptr<Poller> poller)
      : PollerLoop(std::move(setup), std::move(poller)), frames_(counters_) {}

  // For the coroutines' frames.
  FrameList& frames() { return frames_; }

 private:
  // --- the connection's side ---

  // Until it is over, or its peer lost.
  Coroutine converse(CoroutineConnection& self);
  Moved answer(CoroutineConnection& self);
  bool receive_late(CoroutineConnection& self);

  // Awaited: suspended until something has happened to the connection, or for a turn.
  auto event(CoroutineConnection& self) {
    self.slot.rest();
    wheel_.schedule(self, self.slot.deadline());
    return std::suspend_always{};
  }
  auto turn_of_others(CoroutineConnection& self) {
    queue(self);
    return std::suspend_always{};
  }

  // --- the scheduler's ---

  std::unique_ptr<LoopConnection> make() override;
  void begin(LoopConnection& base) override;
  void serve(LoopConnection& base, Cause cause) override;

  FrameList frames_;
};

// --- the connection's side ---

Coroutine CoroutineLoop::converse(CoroutineConnection& self) {
  Slot& slot = self.slot;
  for (unsigned receives = 0;;) {
    const Moved sent = answer(self);
    if (sent == Moved::lost) co_return;
    finish(self);
    if (slot.finished()) co_return;
    const bool reads = self.readable && slot.wants_input();
    if (sent == Moved::more || (reads && receives == receives_per_turn())) {
      receives = 0;
      co_await turn_of_others(self);
    } else if (reads) {
      ++receives;
      if (receive_once(self) == Moved::lost) co_return;
    } else {
      receives = 0;
      co_await event(self);
    }
  }
}

// What a deadline, a wake or a drain asks for, and then what there is to send.
CoroutineLoop::Moved CoroutineLoop::answer(CoroutineConnection& self) {
  if (std::exchange(self.called, false)) {
    // Draining: a request that already lies in the socket is still answered.
    if (!receive_late(self)) return Moved::lost;
    self.slot.pump(now_);
  }
  return send(self);
}

// False: the peer was lost.
bool CoroutineLoop::receive_late(CoroutineConnection& self) {
  if (!setup_.draining.load(std::memory_order_relaxed)) return true;
  self.readable = true;
  for (unsigned n = 0; n < receives_per_turn() && self.readable && self.slot.wants_input(); ++n) {
    if (receive_once(self) == Moved::lost) return false;
  }
  return true;
}

// --- the scheduler's ---

std::unique_ptr<LoopConnection> CoroutineLoop::make() {
  return std::make_unique<CoroutineConnection>(driver_);
}

void CoroutineLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<CoroutineConnection&>(base);
  connection.coroutine = converse(connection);
  PollerLoop::begin(connection);
}

void CoroutineLoop::serve(LoopConnection& base, Cause cause) {
  auto& connection = static_cast<CoroutineConnection&>(base);
  connection.called = cause == Cause::other;
  counters_.add(Counter::coroutine_resumes);
  connection.coroutine.resume();
  if (!connection.coroutine.done()) return;
  if (connection.lost != Errc::ok) {
    lose(connection, connection.lost);
  } else {
    drop(connection);
  }
}

}  // namespace

std::unique_ptr<Loop> make_coroutine_loop(LoopSetup setup) {
  auto poller = make_epoll_poller(setup.counters);
  return std::make_unique<CoroutineLoop>(std::move(setup), std::move(poller));
}

}  // namespace zyphos
