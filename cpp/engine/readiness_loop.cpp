#include "engine/readiness_loop.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/usdt.h"
#include "engine/lost.h"
#include "engine/poller.h"
#include "memory/recycled.h"
#include "net/clock.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {
namespace {

constexpr std::size_t kReceive_bytes = 64 * 1024;
constexpr int kAcceptsPerEvent = 64;
// Fairness: what one connection may do before the others have their turn.
constexpr int kReceivesPerTurn = 8;
constexpr int kPumpsPerTurn = 16;

// Ids that no connection has (its generation would have to run full).
constexpr std::uint64_t kListenerId = ~std::uint64_t{0};
constexpr std::uint64_t kMailboxId = kListenerId - 1;

struct ReadyConnection final : LoopConnection, Recycled<ReadyConnection> {
  using LoopConnection::LoopConnection;

  void take(const Ready& ready) {
    told = ready.readable;
    readable |= ready.readable || ready.hung_up;
    hung_up |= ready.hung_up;
    blocked &= !(ready.writable || ready.hung_up);
  }

  Watch watch;            // what the poller looks for
  bool watched = false;   // the poller knows it, though after a oneshot it looks for nothing
  bool told = false;      // input was told of and recv has not looked since
  bool readable = false;  // input was told of and recv has not yet found the end of it
  bool blocked = false;   // send has found no room and none was told of since
  bool hung_up = false;   // FIN or an error is behind the bytes: no short receive ends the edge
  bool queued = false;    // has had its turn and wants another
};

class ReadinessLoop final : public LoopCore {
 public:
  ReadinessLoop(LoopSetup setup, std::unique_ptr<Poller> poller);
  void run() override;

 private:
  std::unique_ptr<LoopConnection> make() override;
  void begin(LoopConnection& base) override;
  void serve(LoopConnection& base, Cause cause) override;
  void drop(LoopConnection& base) override;
  void watch_listener(bool on) override;
  void catch_up() override;

  void accept_some();
  bool take_in(Fd fd);
  void take_in_held();
  void handle(const Ready& ready);
  void serve_queued();
  bool connect_done(ReadyConnection& connection);
  bool send(ReadyConnection& connection);
  bool receive_some(ReadyConnection& connection);
  bool receive_once(ReadyConnection& connection);
  void queue(ReadyConnection& connection);
  void conclude(ReadyConnection& connection);
  bool watch(ReadyConnection& connection);
  void unwatch(ReadyConnection& connection);
  std::span<const Ready> wait();

  std::unique_ptr<Poller> poller_;
  Trigger trigger_;        // of connections
  bool removes_;           // a connection is removed from the poller before it is closed
  bool watching_ = false;  // the listener
  Fd held_;                // accepted, and too high for the poller
  std::vector<std::byte> buffer_;
  std::vector<std::uint64_t> queue_;
  std::vector<std::uint64_t> served_;
};

// In whole milliseconds, as pollers take it: rounded up, so that a deadline is never early and at
// most 1 ms late; -1: no limit.
int milliseconds_until(Time time) {
  if (time.is_never()) return -1;
  const std::int64_t left_ns = std::max<std::int64_t>(time - clock_now(), 0);
  const std::int64_t left_ms = (left_ns + kMillisecond_ns - 1) / kMillisecond_ns;
  return static_cast<int>(std::min<std::int64_t>(left_ms, 3'600'000));
}

ReadinessLoop::ReadinessLoop(LoopSetup setup, std::unique_ptr<Poller> poller)
    : LoopCore(std::move(setup)),
      poller_(std::move(poller)),
      trigger_(poller_->tells_edges() ? setup_.options.readiness.trigger.value_or(Trigger::edge)
                                      : Trigger::level),
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
void ReadinessLoop::watch_listener(bool on) {
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

void ReadinessLoop::run() {
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
}

std::span<const Ready> ReadinessLoop::wait() {
  int timeout_ms = 0;
  if (queue_.empty() && setup_.mailbox->sleep()) timeout_ms = milliseconds_until(next_turn());
  const std::span<const Ready> ready = poller_->wait(timeout_ms);
  setup_.mailbox->awake();
  return ready;
}

void ReadinessLoop::handle(const Ready& ready) {
  if (ready.id == kMailboxId) {
    // turn() looks into the box anyway.
    if (!poller_->tells_edges()) setup_.mailbox->clear_event();
    return;
  }
  if (ready.id == kListenerId) {
    accept_some();
    return;
  }
  auto* connection = static_cast<ReadyConnection*>(find(ready.id));
  if (connection == nullptr) return;
  connection->take(ready);
  if (trigger_ == Trigger::oneshot) connection->watch = {};
  if (connection->dialing && !connect_done(*connection)) return;
  serve(*connection, Cause::wire);
}

// --- accepting ---

void ReadinessLoop::accept_some() {
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
bool ReadinessLoop::take_in(Fd fd) {
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

void ReadinessLoop::take_in_held() {
  Fd held = std::move(held_);
  Fd lower(::fcntl(held.get(), F_DUPFD_CLOEXEC, 0));
  take_in(lower ? std::move(lower) : std::move(held));
}

void ReadinessLoop::catch_up() {
  if (held_) adopt(held_.release());
}

// --- connections ---

std::unique_ptr<LoopConnection> ReadinessLoop::make() {
  return std::make_unique<ReadyConnection>(pool_, setup_.options.limits, true);
}

void ReadinessLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<ReadyConnection&>(base);
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

// True when it is established now.
bool ReadinessLoop::connect_done(ReadyConnection& connection) {
  if (connection.blocked) return false;
  return established(connection, connect_result(connection.fd.get()));
}

void ReadinessLoop::queue(ReadyConnection& connection) {
  if (connection.queued) return;
  connection.queued = true;
  queue_.push_back(connection.id());
}

void ReadinessLoop::serve_queued() {
  served_.clear();
  served_.swap(queue_);
  for (const std::uint64_t id : served_) {
    auto* connection = static_cast<ReadyConnection*>(find(id));
    if (connection == nullptr) continue;
    connection->queued = false;
    serve(*connection, Cause::wire);
  }
}

void ReadinessLoop::serve(LoopConnection& base, Cause cause) {
  auto& connection = static_cast<ReadyConnection&>(base);
  // Draining: a request that already lies in the socket is still answered, so receiving goes first.
  const bool late = cause == Cause::other && setup_.draining.load(std::memory_order_relaxed);
  if (late) connection.readable = true;
  if (cause == Cause::other && !late) connection.slot.pump(now_);
  if (!send(connection)) return;
  if (!receive_some(connection)) return;
  if (late) {
    connection.slot.pump(now_);
    if (!send(connection)) return;
  }
  conclude(connection);
}

// Receives until the end of what was told of, or the turn's. False: the connection is gone.
bool ReadinessLoop::receive_some(ReadyConnection& connection) {
  for (int n = 0; connection.readable && connection.slot.wants_input(); ++n) {
    if (n == kReceivesPerTurn) {
      // By level the rest is told again.
      connection.readable = trigger_ == Trigger::edge;
      if (connection.readable) queue(connection);
      return true;
    }
    if (!receive_once(connection)) return false;
  }
  return true;
}

// Sends what there is, pumping while that makes room. False: the peer was lost, the connection is
// gone.
bool ReadinessLoop::send(ReadyConnection& connection) {
  Slot& slot = connection.slot;
  for (int n = 0; !connection.blocked; ++n) {
    const std::size_t pending = slot.out().pending();
    const Flush flushed = flush(connection.fd.get(), slot.out(), counters_);
    if (slot.out().pending() < pending) slot.progressed(now_);
    if (flushed == Flush::blocked) {
      connection.blocked = true;
    } else if (flushed != Flush::done) {
      lose(connection, lost_error(flushed));
      return false;
    }
    if (!slot.wants_pump()) return true;
    if (n == kPumpsPerTurn) {
      queue(connection);
      return true;
    }
    slot.pump(now_);
  }
  return true;
}

// False: the connection is gone.
bool ReadinessLoop::receive_once(ReadyConnection& connection) {
  const Bytes room(buffer_.data(), kReceive_bytes);
  const Received received = receive(connection.fd.get(), room, 0, counters_);
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
      return true;
    case Receive::finished:
      connection.readable = false;
      connection.slot.peer(Peer::finished);
      break;
    case Receive::reset: lose(connection, Errc::peer_reset); return false;
    case Receive::failed: lose(connection, Errc::system); return false;
  }
  connection.slot.pump(now_);
  if (!send(connection)) return false;
  connection.slot.settle();
  return true;
}

void ReadinessLoop::conclude(ReadyConnection& connection) {
  Slot& slot = connection.slot;
  if (slot.wants_fin()) {
    ::shutdown(connection.fd.get(), SHUT_WR);
    slot.fin_sent();
    slot.progressed(now_);
  }
  if (slot.finished()) {
    drop(connection);
    return;
  }
  if (trigger_ != Trigger::edge && !watch(connection)) return;
  wheel_.schedule(connection, slot.deadline());
}

// Looks for what it wants and for nothing else, which by level would be told for ever. False: it
// could not be watched, the connection is gone.
bool ReadinessLoop::watch(ReadyConnection& connection) {
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

void ReadinessLoop::unwatch(ReadyConnection& connection) {
  if (!connection.watched) return;
  poller_->remove(connection.fd.get());
  connection.watched = false;
  connection.watch = {};
}

void ReadinessLoop::drop(LoopConnection& base) {
  if (removes_) unwatch(static_cast<ReadyConnection&>(base));
  if (base.slot.abortive() && base.fd) reset_on_close(base.fd.get());
  retire(base);
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
