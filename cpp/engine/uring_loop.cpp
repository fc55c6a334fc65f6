#include "engine/uring_loop.h"

#if ZYPHOS_HAVE_LIBURING

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/usdt.h"
#include "engine/uring_ring.h"
#include "memory/recycled.h"
#include "net/clock.h"
#include "net/flush.h"
#include "net/socket.h"

namespace zyphos {
namespace {

// What a completion belongs to: in the low bits of its user data, above them the connection (0: the
// loop itself).
enum class Op : std::uint64_t { none, accept, mailbox, receive, send, connect };
constexpr std::uint64_t kOpMask = 7;

// A connection is not freed before its last operation has completed, so its address can name it.
struct alignas(16) UringConnection final : LoopConnection, Recycled<UringConnection> {
  UringConnection(BlockPool& pool, const SlotLimits& limits)
      : LoopConnection(pool, limits, false), flying(pool) {}

  bool idle() const { return !receiving && !sending && !connecting; }

  Outbox flying;           // in flight, while the slot's own is filling
  std::size_t given = 0;   // bytes of the send in flight
  bool receiving = false;  // a multishot receive is armed
  bool stopping = false;   // and is being cancelled
  bool sending = false;
  bool connecting = false;
  bool corked = false;
  bool ending = false;  // dropped: gone when idle
};

std::uint64_t tagged(Op op, const UringConnection* connection = nullptr) {
  return reinterpret_cast<std::uintptr_t>(connection) | static_cast<std::uint64_t>(op);
}

// After other failures the socket is still good.
bool fatal(int result) {
  return result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EINTR &&
         result != -EAGAIN;
}

Errc loss(int result) {
  if (result == -ECONNRESET) return Errc::peer_reset;
  return result == -EPIPE ? Errc::peer_gone : Errc::system;
}

class UringLoop final : public LoopCore {
 public:
  explicit UringLoop(LoopSetup setup);
  void run() override;

 private:
  std::unique_ptr<LoopConnection> make() override;
  void begin(LoopConnection& base) override;
  void serve(LoopConnection& base, Cause cause) override;
  void drop(LoopConnection& base) override;
  void watch_listener(bool on) override;
  void catch_up() override;

  void wait(Time until);
  void handle(const io_uring_cqe& completion);
  void accepted(const io_uring_cqe& completion);
  void connected(UringConnection& connection);
  void received(UringConnection& connection, const io_uring_cqe& completion);
  void take(UringConnection& connection, const io_uring_cqe& completion);
  void sent(UringConnection& connection, int result);
  void push(UringConnection& connection);
  void submit_send(UringConnection& connection);
  void submit_parts(UringConnection& connection, std::span<const ConstBytes> parts);
  static bool still_sends(const UringConnection& connection);
  void conclude(UringConnection& connection);
  void arm_receive(UringConnection& connection);
  void stop_receive(UringConnection& connection);
  void bury(UringConnection& connection);
  void arm_accept();
  void adopt_waiting();
  void arm_mailbox();

  Ring ring_;
  bool accepting_ = false;
  std::vector<Fd> over_limit_;  // accepted before accepting could be stopped
};

UringLoop::UringLoop(LoopSetup setup) : LoopCore(std::move(setup)) {
  // On a non-blocking socket the ring would answer EAGAIN instead of waiting.
  set_blocking(setup_.listener.get(), true);
  arm_mailbox();
  arm_accept();
}

void UringLoop::run() {
  while (!drained() || accepting_) {
    wait(setup_.mailbox->sleep() ? next_turn() : now_);
    setup_.mailbox->awake();
    turn();
  }
}

void UringLoop::catch_up() { wait(now_); }

// Submits, waits at most until then, and handles what has completed.
void UringLoop::wait(Time until) {
  if (ring_.submit_and_wait(until) == Ring::Woken::interrupted) {
    counters_.add(Counter::interrupted);
  }
  now_ = clock_now();
  const unsigned count = ring_.completions([&](const io_uring_cqe& each) { handle(each); });
  if (count == 0) return;
  counters_.woke(count);
  ZY_USDT(wakeup, count);
}

void UringLoop::handle(const io_uring_cqe& completion) {
  auto* connection = reinterpret_cast<UringConnection*>(completion.user_data & ~kOpMask);
  switch (static_cast<Op>(completion.user_data & kOpMask)) {
    case Op::none: return;
    case Op::accept: accepted(completion); return;
    case Op::mailbox:
      // turn() looks into the box anyway.
      if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_mailbox();
      return;
    case Op::receive: received(*connection, completion); return;
    case Op::send: sent(*connection, completion.res); return;
    case Op::connect: connected(*connection); return;
  }
}

// --- the listener and the mailbox ---

void UringLoop::arm_mailbox() {
  // Multishot polling tells each write of a waker; nobody has to read the count away.
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_poll_multishot(&entry, setup_.mailbox->event(), POLLIN);
  io_uring_sqe_set_data64(&entry, tagged(Op::mailbox));
}

void UringLoop::arm_accept() {
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_multishot_accept(&entry, setup_.listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(&entry, tagged(Op::accept));
  accepting_ = true;
}

void UringLoop::watch_listener(bool on) {
  // While the ring does not accept, accept4() may be called, and must not wait.
  set_blocking(setup_.listener.get(), on);
  if (!on) {
    if (setup_.draining.load(std::memory_order_relaxed)) adopt_waiting();
    if (!accepting_) return;
    io_uring_sqe& entry = ring_.entry();
    io_uring_prep_cancel64(&entry, tagged(Op::accept), 0);
    io_uring_sqe_set_data64(&entry, tagged(Op::none));
    return;
  }
  adopt_waiting();
  if (!accepting_ && over_limit_.empty()) arm_accept();
}

// Who was accepted beyond the limit; draining, they are let in to be told.
void UringLoop::adopt_waiting() {
  while (!over_limit_.empty()) {
    if (!setup_.draining.load(std::memory_order_relaxed) && at_limit()) return;
    const int fd = over_limit_.back().release();
    over_limit_.pop_back();
    adopt(fd);
  }
}

void UringLoop::accepted(const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) accepting_ = false;
  bool go_on = true;
  if (completion.res >= 0) {
    go_on = !at_limit();
    if (go_on) {
      adopt(completion.res);
    } else {
      over_limit_.emplace_back(completion.res);
    }
  } else if (completion.res != -ECANCELED) {
    go_on = accept_failed(-completion.res);
  }
  if (go_on && !accepting_ && setup_.listener && !accept_is_paused()) arm_accept();
}

// --- connections ---

std::unique_ptr<LoopConnection> UringLoop::make() {
  return std::make_unique<UringConnection>(pool_, setup_.options.limits);
}

void UringLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<UringConnection&>(base);
  // What the ring accepted blocks already.
  const bool ring_made = !connection.dialing && !setup_.draining.load(std::memory_order_relaxed);
  if (!ring_made) set_blocking(connection.fd.get(), true);
  if (!connection.dialing) {
    serve(connection, Cause::other);
    return;
  }
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_poll_add(&entry, connection.fd.get(), POLLOUT);
  io_uring_sqe_set_data64(&entry, tagged(Op::connect, &connection));
  connection.connecting = true;
}

void UringLoop::connected(UringConnection& connection) {
  connection.connecting = false;
  if (connection.ending) {
    bury(connection);
    return;
  }
  if (established(connection, connect_result(connection.fd.get()))) serve(connection, Cause::wire);
}

void UringLoop::serve(LoopConnection& base, Cause cause) {
  auto& connection = static_cast<UringConnection&>(base);
  if (connection.ending) return;
  if (cause == Cause::other) connection.slot.pump(now_);
  push(connection);
  conclude(connection);
}

// Gives the kernel what there is when it has nothing; pumps while that makes room.
void UringLoop::push(UringConnection& connection) {
  Slot& slot = connection.slot;
  for (;;) {
    if (!connection.sending && !slot.out().empty()) {
      connection.flying.swap(slot.out());
      connection.corked = connection.flying.corked();
      if (connection.corked) set_cork(connection.fd.get(), true);
      submit_send(connection);
    }
    if (!slot.wants_pump()) return;
    slot.pump(now_);
  }
}

void UringLoop::submit_send(UringConnection& connection) {
  // Few parts are the rule, and preparing room for many is not free.
  std::array<ConstBytes, 4> few;
  const std::size_t count = connection.flying.gather(few);
  if (count < few.size()) {
    submit_parts(connection, std::span(few).first(count));
  } else {
    std::array<ConstBytes, Ring::kParts> parts;
    submit_parts(connection, std::span(parts).first(connection.flying.gather(parts)));
  }
}

void UringLoop::submit_parts(UringConnection& connection, std::span<const ConstBytes> parts) {
  ZY_DCHECK(!parts.empty());
  connection.given = 0;
  for (const ConstBytes part : parts) connection.given += part.size();
  const int fd = connection.fd.get();
  if (parts.size() == 1) {
    io_uring_sqe& entry = ring_.entry();
    io_uring_prep_send(&entry, fd, parts[0].data(), parts[0].size(), MSG_NOSIGNAL);
    io_uring_sqe_set_data64(&entry, tagged(Op::send, &connection));
  } else {
    msghdr& message = ring_.message(parts);
    io_uring_sqe& entry = ring_.entry();
    io_uring_prep_sendmsg(&entry, fd, &message, MSG_NOSIGNAL);
    io_uring_sqe_set_data64(&entry, tagged(Op::send, &connection));
  }
  connection.sending = true;
}

void UringLoop::sent(UringConnection& connection, int result) {
  connection.sending = false;
  counters_.add(Counter::send_calls);
  if (result >= 0) {
    const auto size = static_cast<std::size_t>(result);
    counters_.add(Counter::bytes_out, size);
    if (size < connection.given) counters_.add(Counter::partial_writes);
    connection.flying.sent(size);
    connection.slot.progressed(now_);
  }
  if (connection.ending) {
    bury(connection);
    return;
  }
  if (fatal(result)) {
    lose(connection, loss(result));
    return;
  }
  if (!connection.flying.empty()) {
    submit_send(connection);  // the rest, or the call after a boundary
    return;
  }
  if (connection.corked) set_cork(connection.fd.get(), false);
  push(connection);
  conclude(connection);
}

void UringLoop::received(UringConnection& connection, const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    connection.receiving = false;
    connection.stopping = false;
  }
  const int result = completion.res;
  if (result >= 0 || fatal(result)) counters_.add(Counter::recv_calls);
  if (result == -ENOBUFS) counters_.add(Counter::buffers_exhausted);
  if (connection.ending) {
    if (result > 0) ring_.give(completion);
    bury(connection);
  } else if (fatal(result)) {
    lose(connection, loss(result));
  } else {
    if (result > 0) take(connection, completion);
    if (result == 0) {
      connection.slot.peer(Peer::finished);
      connection.slot.pump(now_);
      push(connection);
    }
    conclude(connection);
  }
}

// Bytes, shown where the kernel put them.
void UringLoop::take(UringConnection& connection, const io_uring_cqe& completion) {
  rearm_quickack(connection.fd.get(), setup_.options.socket);
  Slot& slot = connection.slot;
  slot.input({ring_.buffer(completion), static_cast<std::size_t>(completion.res)});
  slot.pump(now_);
  push(connection);
  slot.settle();
  ring_.give(completion);
}

// What flies belongs to the slot's output, although its outbox is empty.
bool UringLoop::still_sends(const UringConnection& connection) {
  const Slot& slot = connection.slot;
  return connection.sending && !slot.abortive() && slot.peer_state() != Peer::lost;
}

// After every change: FIN, end, the receive that should or should not be armed, the deadline.
void UringLoop::conclude(UringConnection& connection) {
  Slot& slot = connection.slot;
  if (slot.wants_fin() && !connection.sending) {
    ::shutdown(connection.fd.get(), SHUT_WR);
    slot.fin_sent();
    slot.progressed(now_);
  }
  if (slot.finished() && !still_sends(connection)) {
    drop(connection);
    return;
  }
  if (slot.wants_input()) {
    if (!connection.receiving) arm_receive(connection);
  } else if (connection.receiving && !connection.stopping) {
    stop_receive(connection);
  }
  wheel_.schedule(connection, slot.deadline());
}

void UringLoop::arm_receive(UringConnection& connection) {
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_recv_multishot(&entry, connection.fd.get(), nullptr, 0, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = Ring::kBufferGroup;
  io_uring_sqe_set_data64(&entry, tagged(Op::receive, &connection));
  connection.receiving = true;
}

void UringLoop::stop_receive(UringConnection& connection) {
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_cancel64(&entry, tagged(Op::receive, &connection), 0);
  io_uring_sqe_set_data64(&entry, tagged(Op::none));
  connection.stopping = true;
}

void UringLoop::drop(LoopConnection& base) {
  auto& connection = static_cast<UringConnection&>(base);
  if (connection.ending) return;
  connection.ending = true;
  wheel_.cancel(connection);
  if (!connection.idle()) {
    io_uring_sqe& entry = ring_.entry();
    io_uring_prep_cancel_fd(&entry, connection.fd.get(), IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data64(&entry, tagged(Op::none));
  }
  bury(connection);
}

void UringLoop::bury(UringConnection& connection) {
  if (!connection.idle()) return;
  if (connection.slot.abortive() && connection.fd) reset_on_close(connection.fd.get());
  retire(connection);
}

}  // namespace

std::string uring_missing() { return Ring::missing(); }

std::unique_ptr<Loop> make_uring_loop(LoopSetup setup) {
  return std::make_unique<UringLoop>(std::move(setup));
}

}  // namespace zyphos

#else

#include <cerrno>
#include <system_error>

namespace zyphos {

std::string uring_missing() { return ZYPHOS_NO_LIBURING_REASON; }

std::unique_ptr<Loop> make_uring_loop(LoopSetup) {
  throw std::system_error(ENOSYS, std::generic_category(), ZYPHOS_NO_LIBURING_REASON);
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
