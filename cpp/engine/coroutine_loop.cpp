#include "engine/coroutine_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "base/usdt.h"
#include "engine/coroutine.h"
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

struct CoroutineConnection final : LoopConnection, Recycled<CoroutineConnection> {
  using LoopConnection::LoopConnection;

  Coroutine coroutine;
  Errc lost = Errc::ok;   // how its peer was lost, for whoever resumed it
  bool readable = false;  // an edge came and recv has not yet found the end of it
  bool blocked = false;   // send has found no room and no edge has come since
  bool hung_up = false;   // FIN or an error is behind the bytes: no short receive ends the edge
  bool told = false;      // something else than its socket has called: a deadline, a wake, a drain
  bool queued = false;    // has had its turn and wants another
};

class CoroutineLoop final : public LoopCore {
 public:
  explicit CoroutineLoop(LoopSetup setup);
  void run() override;

  // For the coroutines' frames.
  FrameList& frames() { return frames_; }

 private:
  enum class Moved : std::uint8_t {
    on,     // all that there was
    waits,  // the socket has no room
    more,   // it has had its turn
    lost,   // the peer
  };

  // --- the connection's side ---

  // Until it is over, or its peer lost.
  Coroutine converse(CoroutineConnection& self);
  Moved answer(CoroutineConnection& self);
  Moved send(CoroutineConnection& self);
  Moved receive_once(CoroutineConnection& self);
  bool receive_late(CoroutineConnection& self);
  void finish(CoroutineConnection& self);

  // Awaited: suspended until something has happened to the connection, or for a turn.
  auto event(CoroutineConnection& self) {
    wheel_.schedule(self, self.slot.deadline());
    return std::suspend_always{};
  }
  auto turn_of_others(CoroutineConnection& self) {
    if (!self.queued) queue_.push_back(self.id());
    self.queued = true;
    return std::suspend_always{};
  }

  // --- the scheduler's ---

  std::unique_ptr<LoopConnection> make() override;
  void begin(LoopConnection& base) override;
  void serve(LoopConnection& base, Cause cause) override;
  void drop(LoopConnection& base) override;
  void watch_listener(bool on) override;

  bool add(int fd, std::uint64_t id, std::uint32_t events);
  int wait(std::array<epoll_event, kEvents>& events);
  void handle(const epoll_event& event);
  void accept_some();
  void resume(CoroutineConnection& connection);
  void resume_queued();

  Fd epoll_;
  FrameList frames_;
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

// --- the connection's side ---

Coroutine CoroutineLoop::converse(CoroutineConnection& self) {
  Slot& slot = self.slot;
  for (int receives = 0;;) {
    const Moved sent = answer(self);
    if (sent == Moved::lost) co_return;
    finish(self);
    if (slot.finished()) co_return;
    const bool reads = self.readable && slot.wants_input();
    if (sent == Moved::more || (reads && receives == kReceivesPerTurn)) {
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
  if (std::exchange(self.told, false)) {
    // Draining: a request that already lies in the socket is still answered.
    if (!receive_late(self)) return Moved::lost;
    self.slot.pump(now_);
  }
  return send(self);
}

// Sends what there is, pumping while that makes room.
CoroutineLoop::Moved CoroutineLoop::send(CoroutineConnection& self) {
  Slot& slot = self.slot;
  for (int n = 0; !self.blocked; ++n) {
    const std::size_t pending = slot.out().pending();
    const Flush flushed = flush(self.fd.get(), slot.out(), counters_);
    if (slot.out().pending() < pending) slot.progressed(now_);
    if (flushed == Flush::blocked) {
      self.blocked = true;
    } else if (flushed != Flush::done) {
      self.lost = lost_error(flushed);
      return Moved::lost;
    }
    if (!slot.wants_pump()) return Moved::on;
    if (n == kPumpsPerTurn) return Moved::more;
    slot.pump(now_);
  }
  return Moved::waits;
}

// Shows what came to the protocol, whose answer is sent before the buffer is used again.
CoroutineLoop::Moved CoroutineLoop::receive_once(CoroutineConnection& self) {
  const Bytes room(buffer_.data(), kReceive_bytes);
  const Received received = receive(self.fd.get(), room, 0, counters_);
  switch (received.state) {
    case Receive::bytes:
      rearm_quickack(self.fd.get(), setup_.options.socket);
      if (received.size < kReceive_bytes && !self.hung_up) self.readable = false;
      self.slot.input(room.first(received.size));
      break;
    case Receive::again: self.readable = false; return Moved::waits;
    case Receive::finished:
      self.readable = false;
      self.slot.peer(Peer::finished);
      break;
    case Receive::reset: self.lost = Errc::peer_reset; return Moved::lost;
    case Receive::failed: self.lost = Errc::system; return Moved::lost;
  }
  self.slot.pump(now_);
  const Moved sent = send(self);
  if (sent != Moved::lost) self.slot.settle();
  return sent;
}

// False: the peer was lost.
bool CoroutineLoop::receive_late(CoroutineConnection& self) {
  if (!setup_.draining.load(std::memory_order_relaxed)) return true;
  self.readable = true;
  for (int n = 0; n < kReceivesPerTurn && self.readable && self.slot.wants_input(); ++n) {
    if (receive_once(self) == Moved::lost) return false;
  }
  return true;
}

void CoroutineLoop::finish(CoroutineConnection& self) {
  if (!self.slot.wants_fin()) return;
  ::shutdown(self.fd.get(), SHUT_WR);
  self.slot.fin_sent();
  self.slot.progressed(now_);
}

// --- the scheduler's ---

CoroutineLoop::CoroutineLoop(LoopSetup setup)
    : LoopCore(std::move(setup)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      frames_(counters_),
      buffer_(kReceive_bytes + kReadPadding) {
  if (!epoll_) fail("epoll_create1");
  // Edge-triggered: every write of a waker is an event, and nobody has to read the count away.
  const bool added = add(setup_.mailbox->event(), kMailboxId, EPOLLIN | EPOLLET) &&
                     add(setup_.listener.get(), kListenerId, EPOLLIN);
  if (!added) fail("epoll_ctl");
}

bool CoroutineLoop::add(int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = id}};
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void CoroutineLoop::watch_listener(bool on) {
  epoll_event event{.events = on ? std::uint32_t{EPOLLIN} : 0U, .data = {.u64 = kListenerId}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, setup_.listener.get(), &event) != 0) fail("epoll_ctl");
}

void CoroutineLoop::run() {
  std::array<epoll_event, kEvents> events;
  while (!drained()) {
    const int count = wait(events);
    now_ = clock_now();
    if (count > 0) {
      counters_.woke(static_cast<std::uint64_t>(count));
      ZY_USDT(wakeup, count);
    }
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    resume_queued();
    turn();
  }
}

int CoroutineLoop::wait(std::array<epoll_event, kEvents>& events) {
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

void CoroutineLoop::handle(const epoll_event& event) {
  if (event.data.u64 == kMailboxId) return;  // turn() looks into the box anyway
  if (event.data.u64 == kListenerId) {
    accept_some();
    return;
  }
  auto* connection = static_cast<CoroutineConnection*>(find(event.data.u64));
  if (connection == nullptr) return;
  if (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) connection->readable = true;
  if (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) connection->hung_up = true;
  if (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) connection->blocked = false;
  if (connection->dialing) {
    if (connection->blocked) return;
    if (!established(*connection, connect_result(connection->fd.get()))) return;
  }
  resume(*connection);
}

void CoroutineLoop::accept_some() {
  for (int i = 0; i < kAcceptsPerEvent && setup_.listener && !at_limit(); ++i) {
    const int fd = ::accept4(setup_.listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      adopt(fd);
    } else if (!accept_failed(errno)) {
      return;
    }
  }
}

std::unique_ptr<LoopConnection> CoroutineLoop::make() {
  return std::make_unique<CoroutineConnection>(pool_, setup_.options.limits, true);
}

void CoroutineLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<CoroutineConnection&>(base);
  connection.coroutine = converse(connection);
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

void CoroutineLoop::serve(LoopConnection& base, Cause cause) {
  auto& connection = static_cast<CoroutineConnection&>(base);
  connection.told = cause == Cause::other;
  resume(connection);
}

void CoroutineLoop::resume(CoroutineConnection& connection) {
  counters_.add(Counter::coroutine_resumes);
  connection.coroutine.resume();
  if (!connection.coroutine.done()) return;
  if (connection.lost != Errc::ok) {
    lose(connection, connection.lost);
  } else {
    drop(connection);
  }
}

void CoroutineLoop::resume_queued() {
  served_.clear();
  served_.swap(queue_);
  for (const std::uint64_t id : served_) {
    auto* connection = static_cast<CoroutineConnection*>(find(id));
    if (connection == nullptr) continue;
    connection->queued = false;
    resume(*connection);
  }
}

void CoroutineLoop::drop(LoopConnection& base) {
  if (base.slot.abortive() && base.fd) reset_on_close(base.fd.get());
  retire(base);
}

}  // namespace

std::unique_ptr<Loop> make_coroutine_loop(LoopSetup setup) {
  return std::make_unique<CoroutineLoop>(std::move(setup));
}

}  // namespace zyphos
