#include "engine/poller_loop.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "base/usdt.h"
#include "net/clock.h"
#include "net/socket.h"

namespace zyphos {
namespace {

constexpr int kAcceptsPerEvent = 64;

// Ids that no connection has (its generation would have to run full).
constexpr std::uint64_t kListenerId = ~std::uint64_t{0};
constexpr std::uint64_t kMailboxId = kListenerId - 1;

// In whole milliseconds, as pollers take it: rounded up, so that a deadline is never early and at
// most 1 ms late; -1: no limit.
int milliseconds_until(Time time, Time now) {
  if (time.is_never()) return -1;
  const std::int64_t left_ns = std::max<std::int64_t>(time - now, 0);
  const std::int64_t left_ms = (left_ns + kMillisecond_ns - 1) / kMillisecond_ns;
  return static_cast<int>(std::min<std::int64_t>(left_ms, 3'600'000));
}

}  // namespace

PollerLoop::PollerLoop(LoopSetup setup, std::unique_ptr<Poller> poller)
    : LoopCore(std::move(setup), true),
      poller_(std::move(poller)),
      trigger_(poller_->tells_edges() ? setup_.options.readiness.trigger.value_or(Trigger::edge)
                                      : Trigger::level),
      receives_per_turn_(setup_.options.readiness.receives_per_turn == 0
                             ? std::numeric_limits<unsigned>::max()
                             : setup_.options.readiness.receives_per_turn),
      // A descriptor that is leaked keeps its socket, and that would be told for ever by level.
      removes_(!poller_->close_removes() || setup_.options.leak.every != 0),
      buffer_(kReceive_bytes + kReadPadding) {
  // By edges every write of a waker is an event, and nobody has to read the count away.
  const Watch mail{.readable = true, .trigger = Trigger::edge};
  if (!poller_->add(setup_.mailbox->event(), kMailboxId, mail)) {
    throw std::system_error(errno, std::generic_category(), "watching the loop's own descriptor");
  }
  watch_listener(true);
}

// By level whatever the connections' trigger, so that accepting may stop where it likes.
void PollerLoop::watch_listener(bool on) {
  if (!setup_.listener || on == watching_) return;
  const int fd = setup_.listener.get();
  const Watch watch{.readable = true, .exclusive = setup_.options.readiness.exclusive};
  if (!on) {
    poller_->remove(fd);
  } else if (!poller_->add(fd, kListenerId, watch)) {
    throw std::system_error(errno, std::generic_category(), "watching the listener");
  }
  watching_ = on;
  if (on && held_) take_in_held();
}

void PollerLoop::run() {
  while (!drained()) {
    const std::span<const Ready> ready = wait();
    now_ = clock_now();
    if (!ready.empty()) {
      counters_.woke(ready.size());
      ZY_USDT(wakeup, static_cast<int>(ready.size()));
    }
    for (const Ready& each : ready) handle(each);
    serve_queued();
    turn();
  }
  turn_ends();
}

std::span<const Ready> PollerLoop::wait() {
  const Time now = turn_ends();
  int timeout_ms = 0;
  if (queue_.empty() && setup_.mailbox->sleep()) timeout_ms = milliseconds_until(next_turn(), now);
  const std::span<const Ready> ready = poller_->wait(timeout_ms);
  setup_.mailbox->awake();
  return ready;
}

void PollerLoop::handle(const Ready& ready) {
  if (ready.id == kMailboxId) {
    // turn() looks into the box anyway.
    if (!poller_->tells_edges()) setup_.mailbox->clear_event();
    return;
  }
  if (ready.id == kListenerId) {
    accept_some();
    return;
  }
  auto* connection = static_cast<PolledConnection*>(find(ready.id));
  if (connection == nullptr) return;
  connection->take(ready);
  if (trigger_ == Trigger::oneshot) connection->watch = {};
  if (connection->dialing) {
    if (connection->blocked) return;
    if (!established(*connection, connect_result(connection->fd.get()))) return;
  }
  serve(*connection, Cause::wire);
}

// --- accepting ---

void PollerLoop::accept_some() {
  for (int i = 0; i < kAcceptsPerEvent && setup_.listener && !at_limit(); ++i) {
    Fd fd(next_accepted());
    if (fd) {
      if (!take_in(std::move(fd))) return;
    } else {
      if (i == 0 && errno == EAGAIN) counters_.add(Counter::accepts_spurious);
      if (!accept_failed(errno)) return;
    }
  }
}

// False: its descriptor is too high for the poller. Then it waits for a lower one, and the others
// where they are; unless those who find no room are not to wait: then it is closed.
bool PollerLoop::take_in(Fd fd) {
  if (fd.get() < poller_->descriptors_end()) {
    adopt(fd.release());
    return true;
  }
  counters_.error(Errc::select_limit);
  if (setup_.options.when_full != WhenFull::pause) {
    counters_.add(Counter::accepted);
    counters_.add(Counter::closed);
    return true;
  }
  held_ = std::move(fd);
  counters_.add(Counter::accept_paused);
  pause_accepting();
  return false;
}

void PollerLoop::take_in_held() {
  Fd held = std::move(held_);
  Fd lower(::fcntl(held.get(), F_DUPFD_CLOEXEC, 0));
  take_in(lower ? std::move(lower) : std::move(held));
}

void PollerLoop::catch_up() {
  if (held_) adopt(held_.release());
}

// --- connections ---

void PollerLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<PolledConnection&>(base);
  // All edges at once: nothing is to be changed later. An edge of room comes only after a send has
  // found none.
  const bool edge = trigger_ == Trigger::edge;
  const Watch watch{.readable = edge || !connection.dialing,
                    .writable = edge || connection.dialing,
                    .trigger = trigger_};
  const bool added = poller_->add(connection.fd.get(), connection.id(), watch);
  const Errc failure = !added && errno == EMFILE ? Errc::select_limit : Errc::system;
  connection.watched = added;
  if (added) connection.watch = watch;
  if (connection.dialing) {
    connection.blocked = true;
    if (!added) fail_dial(connection, Errc::connect_failed);
  } else if (added) {
    serve(connection, Cause::other);
  } else {
    lose(connection, failure);
  }
}

void PollerLoop::queue(PolledConnection& connection) {
  if (connection.queued) return;
  connection.queued = true;
  queue_.push_back(connection.id());
}

void PollerLoop::serve_queued() {
  served_.clear();
  served_.swap(queue_);
  for (const std::uint64_t id : served_) {
    auto* connection = static_cast<PolledConnection*>(find(id));
    if (connection == nullptr) continue;
    connection->queued = false;
    serve(*connection, Cause::wire);
  }
}

// --- watching ---

bool PollerLoop::watch(PolledConnection& connection) {
  const Watch wanted{.readable = connection.slot.wants_input(),
                     .writable = connection.blocked,
                     .trigger = trigger_};
  if (wanted == connection.watch) return true;
  if (!wanted.any()) {
    if (connection.watch.any()) unwatch(connection);
    return true;
  }
  if (connection.watched) {
    poller_->change(connection.fd.get(), connection.id(), wanted);
  } else if (!poller_->add(connection.fd.get(), connection.id(), wanted)) {
    lose(connection, Errc::system);
    return false;
  }
  connection.watched = true;
  connection.watch = wanted;
  return true;
}

void PollerLoop::unwatch(PolledConnection& connection) {
  if (!connection.watched) return;
  poller_->remove(connection.fd.get());
  connection.watched = false;
  connection.watch = {};
}

void PollerLoop::drop(LoopConnection& base) {
  if (removes_) unwatch(static_cast<PolledConnection&>(base));
  if (base.slot.abortive() && base.fd) reset_on_close(base.fd.get());
  retire(base);
}

}  // namespace zyphos
