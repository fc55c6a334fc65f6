#include "engine/epoll_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/usdt.h"
#include "engine/lost.h"
#include "memory/recycled.h"
#include "net/clock.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {
namespace {

constexpr std::size_t kReceive_bytes = 64 * 1024;
constexpr std::size_t kEvents = 256;
constexpr int kAcceptsPerEvent = 64;
// Fairness: what one connection may do before the others have their turn.
constexpr int kReceivesPerTurn = 8;
constexpr int kPumpsPerTurn = 16;

// Ids that no connection has (its generation would have to run full).
constexpr std::uint64_t kListenerId = ~std::uint64_t{0};
constexpr std::uint64_t kMailboxId = kListenerId - 1;

struct EpollConnection final : LoopConnection, Recycled<EpollConnection> {
  using LoopConnection::LoopConnection;

  bool readable = false;  // an edge came and recv has not yet found the end of it
  bool blocked = false;   // send has found no room and no edge has come since
  bool hung_up = false;   // FIN or an error is behind the bytes: no short receive ends the edge
  bool queued = false;    // has had its turn and wants another
};

class EpollLoop final : public LoopCore {
 public:
  explicit EpollLoop(LoopSetup setup);
  void run() override;

 private:
  std::unique_ptr<LoopConnection> make() override;
  void begin(LoopConnection& base) override;
  void serve(LoopConnection& base, Cause cause) override;
  void drop(LoopConnection& base) override;
  void watch_listener(bool on) override;

  bool add(int fd, std::uint64_t id, std::uint32_t events);
  void accept_some();
  void handle(const epoll_event& event);
  void serve_queued();
  bool connect_done(EpollConnection& connection);
  bool send(EpollConnection& connection);
  bool receive_some(EpollConnection& connection);
  bool receive_once(EpollConnection& connection);
  void queue(EpollConnection& connection);
  void conclude(EpollConnection& connection);
  int wait(std::array<epoll_event, kEvents>& events);

  Fd epoll_;
  std::vector<std::byte> buffer_;
  std::vector<std::uint64_t> queue_;
  std::vector<std::uint64_t> served_;
};

[[noreturn]] void fail(const char* doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

// As epoll_wait takes it: rounded up, so that a deadline is never early and at most 1 ms late; -1:
// no limit.
int milliseconds_until(Time time) {
  if (time.is_never()) return -1;
  const std::int64_t left_ns = std::max<std::int64_t>(time - clock_now(), 0);
  const std::int64_t left_ms = (left_ns + kMillisecond_ns - 1) / kMillisecond_ns;
  return static_cast<int>(std::min<std::int64_t>(left_ms, 3'600'000));
}

EpollLoop::EpollLoop(LoopSetup setup)
    : LoopCore(std::move(setup)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(kReceive_bytes + kReadPadding) {
  if (!epoll_) fail("epoll_create1");
  // Edge-triggered: every write of a waker is an event, and nobody has to read the count away.
  const bool added = add(setup_.mailbox->event(), kMailboxId, EPOLLIN | EPOLLET) &&
                     add(setup_.listener.get(), kListenerId, EPOLLIN);
  if (!added) fail("epoll_ctl");
}

bool EpollLoop::add(int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = id}};
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EpollLoop::watch_listener(bool on) {
  epoll_event event{.events = on ? std::uint32_t{EPOLLIN} : 0U, .data = {.u64 = kListenerId}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, setup_.listener.get(), &event) != 0) fail("epoll_ctl");
}

void EpollLoop::run() {
  std::array<epoll_event, kEvents> events;
  while (!drained()) {
    const int count = wait(events);
    now_ = clock_now();
    if (count > 0) {
      counters_.add(Counter::wakeups);
      ZY_USDT(wakeup, count);
    }
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    serve_queued();
    turn();
  }
}

int EpollLoop::wait(std::array<epoll_event, kEvents>& events) {
  int timeout_ms = 0;
  if (queue_.empty() && setup_.mailbox->sleep()) timeout_ms = milliseconds_until(next_turn());
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  setup_.mailbox->awake();
  if (count >= 0) return count;
  if (errno != EINTR) fail("epoll_wait");
  counters_.add(Counter::interrupted);
  return 0;
}

void EpollLoop::handle(const epoll_event& event) {
  counters_.add(Counter::events);
  if (event.data.u64 == kMailboxId) return;  // turn() looks into the box anyway
  if (event.data.u64 == kListenerId) {
    accept_some();
    return;
  }
  auto* connection = static_cast<EpollConnection*>(find(event.data.u64));
  if (connection == nullptr) return;
  if (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) connection->readable = true;
  if (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) connection->hung_up = true;
  if (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) connection->blocked = false;
  if (connection->dialing && !connect_done(*connection)) return;
  serve(*connection, Cause::wire);
}

void EpollLoop::accept_some() {
  for (int i = 0; i < kAcceptsPerEvent && setup_.listener && !at_limit(); ++i) {
    const int fd = ::accept4(setup_.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      adopt(fd);
    } else if (!accept_failed(errno)) {
      return;
    }
  }
}

std::unique_ptr<LoopConnection> EpollLoop::make() {
  return std::make_unique<EpollConnection>(pool_, setup_.options.limits, true);
}

void EpollLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<EpollConnection&>(base);
  // All edges at once: no later epoll_ctl. An EPOLLOUT edge comes only after a send has found no
  // room.
  constexpr std::uint32_t kEdges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  const bool added = add(connection.fd.get(), connection.id(), kEdges);
  if (connection.dialing) {
    connection.blocked = true;
    if (!added) fail_dial(connection, Errc::connect_failed);
  } else if (added) {
    serve(connection, Cause::other);
  } else {
    lose(connection, Errc::system);
  }
}

// True when it is established now.
bool EpollLoop::connect_done(EpollConnection& connection) {
  if (connection.blocked) return false;
  return established(connection, connect_result(connection.fd.get()));
}

void EpollLoop::queue(EpollConnection& connection) {
  if (connection.queued) return;
  connection.queued = true;
  queue_.push_back(connection.id());
}

void EpollLoop::serve_queued() {
  served_.clear();
  served_.swap(queue_);
  for (const std::uint64_t id : served_) {
    auto* connection = static_cast<EpollConnection*>(find(id));
    if (connection == nullptr) continue;
    connection->queued = false;
    serve(*connection, Cause::wire);
  }
}

void EpollLoop::serve(LoopConnection& base, Cause cause) {
  auto& connection = static_cast<EpollConnection&>(base);
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

// Receives until the edge's end or the turn's. False: the connection is gone.
bool EpollLoop::receive_some(EpollConnection& connection) {
  for (int n = 0; connection.readable && connection.slot.wants_input(); ++n) {
    if (n == kReceivesPerTurn) {
      queue(connection);
      return true;
    }
    if (!receive_once(connection)) return false;
  }
  return true;
}

// Sends what there is, pumping while that makes room. False: the peer was lost, the connection is
// gone.
bool EpollLoop::send(EpollConnection& connection) {
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
bool EpollLoop::receive_once(EpollConnection& connection) {
  const Bytes room(buffer_.data(), kReceive_bytes);
  const Received received = receive(connection.fd.get(), room, 0, counters_);
  switch (received.state) {
    case Receive::bytes:
      rearm_quickack(connection.fd.get(), setup_.options.socket);
      if (received.size < kReceive_bytes && !connection.hung_up) connection.readable = false;
      connection.slot.input(room.first(received.size));
      break;
    case Receive::again: connection.readable = false; return true;
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

void EpollLoop::conclude(EpollConnection& connection) {
  Slot& slot = connection.slot;
  if (slot.wants_fin()) {
    ::shutdown(connection.fd.get(), SHUT_WR);
    slot.fin_sent();
    slot.progressed(now_);
  }
  if (slot.finished()) {
    drop(connection);
  } else {
    wheel_.schedule(connection, slot.deadline());
  }
}

void EpollLoop::drop(LoopConnection& base) {
  if (base.slot.abortive() && base.fd) reset_on_close(base.fd.get());
  retire(base);
}

}  // namespace

std::unique_ptr<Loop> make_epoll_loop(LoopSetup setup) {
  return std::make_unique<EpollLoop>(std::move(setup));
}

}  // namespace zyphos
