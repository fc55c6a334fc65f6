#include "engine/uring_loop.h"

#if ZYPHOS_HAVE_LIBURING

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <numeric>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/usdt.h"
#include "engine/uring_driver.h"
#include "net/clock.h"
#include "net/socket.h"

namespace zyphos {
namespace {

// More than any process has descriptors, or the kernel takes (IORING_MAX_FIXED_FILES).
constexpr std::size_t kFiles_max = std::size_t{1} << 20;
// Of memory for output that stays mapped.
constexpr std::size_t kMappedBlocks = 256;

// A table of registered files as long as descriptors can be, so that each has its own number in it.
std::vector<int> register_files(io_uring& ring) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  std::vector<int> files(std::min<std::size_t>(limit.rlim_cur, kFiles_max));
  std::iota(files.begin(), files.end(), 0);
  const int error = io_uring_register_files_sparse(&ring, static_cast<unsigned>(files.size()));
  if (error < 0) {
    throw std::system_error(-error, std::generic_category(), "io_uring_register_files_sparse");
  }
  return files;
}

void register_memory(io_uring& ring, Bytes memory) {
  const iovec all{memory.data(), memory.size()};
  const int error = io_uring_register_buffers(&ring, &all, 1);
  if (error < 0) {
    throw std::system_error(-error, std::generic_category(), "io_uring_register_buffers");
  }
}

bool has_input(int fd) {
  std::byte first{};
  return ::recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

}  // namespace

UringLoop::UringLoop(LoopSetup setup)
    : LoopCore(std::move(setup), false),
      uring_(setup_.options.uring),
      ring_(uring_, counters_),
      receive_pool_(uring_.buffer_bytes) {
  if (uring_.registered_files) files_ = register_files(ring_.raw());
  if (uring_.registered_buffers) {
    mapped_ = pool_.reserve(kMappedBlocks);
    register_memory(ring_.raw(), mapped_);
  }
  if (uring_.sqpoll) listening_ = Fd(::fcntl(setup_.listener.get(), F_DUPFD_CLOEXEC, 0));
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
  turn_ends();
  ring_.submit();  // registered files are let go, or their peers would see no end
  // The polling thread lets go of the listener when it comes to it.
  if (listening_) ::shutdown(listening_.get(), SHUT_RD);
}

// Overflowed completions are no less received.
void UringLoop::catch_up() {
  do {
    wait(now_);
  } while (ring_.overflowed());
}

// Submits, waits at most until then, and handles what has completed.
void UringLoop::wait(Time until) {
  if (ring_.submit_and_wait(until, turn_ends()) == Ring::Woken::interrupted) {
    counters_.add(Counter::interrupted);
  }
  now_ = clock_now();
  const unsigned count = ring_.completions([&](const io_uring_cqe& each) { handle(each); });
  if (count == 0) return;
  counters_.add(Counter::ring_cqes, count);
  counters_.woke(count);
  ZY_USDT(wakeup, count);
}

void UringLoop::handle(const io_uring_cqe& completion) {
  void* owner = reinterpret_cast<void*>(completion.user_data & ~kOpMask);
  auto* connection = static_cast<UringConnection*>(owner);
  switch (static_cast<Op>(completion.user_data & kOpMask)) {
    case Op::none: return;
    case Op::accept: accepted(completion); return;
    case Op::mailbox:
      // turn() looks into the box anyway.
      if ((completion.flags & IORING_CQE_F_MORE) == 0) arm_mailbox();
      return;
    case Op::receive: received(*connection, completion); return;
    case Op::send: sent(*connection, completion.res); return;
    case Op::part: part_sent(*connection, completion.res); return;
    case Op::connect: connected(*connection); return;
    case Op::flight: flown(*static_cast<Cargo*>(owner), completion); return;
  }
}

// --- entries ---

void UringLoop::unheard(io_uring_sqe& entry) const {
  io_uring_sqe_set_data64(&entry, tagged(Op::none));
  if (uring_.skip_success) entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void UringLoop::cancel(std::uint64_t what) {
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_cancel64(&entry, what, 0);
  unheard(entry);
}

// Makes the table's entry for `fd` what `file` points to: files_ or nothing (-1). In the queue's
// order, so before what uses it.
void UringLoop::know_file(int fd, const int* file) {
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_files_update(&entry, const_cast<int*>(file), 1, fd);
  unheard(entry);
}

void UringLoop::address(io_uring_sqe& entry, Op op, UringConnection& connection) const {
  io_uring_sqe_set_data64(&entry, tagged(op, &connection));
  if (uring_.registered_files) entry.flags |= IOSQE_FIXED_FILE;
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
  const int listener = setup_.listener.get();
  if (uring_.multishot_accept) {
    io_uring_prep_multishot_accept(&entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
  } else {
    io_uring_prep_accept(&entry, listener, nullptr, nullptr, SOCK_CLOEXEC);
  }
  io_uring_sqe_set_data64(&entry, tagged(Op::accept));
  accepting_ = true;
}

void UringLoop::watch_listener(bool on) {
  // While the ring does not accept, accept4() may be called, and must not wait.
  set_blocking(setup_.listener.get(), on);
  if (!on) {
    if (setup_.draining.load(std::memory_order_relaxed)) adopt_waiting();
    if (!accepting_) return;
    cancel(tagged(Op::accept));
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
  if (go_on) accept_again(completion.res);
}

// Unless it still does.
void UringLoop::accept_again(int result) {
  if (accepting_ || !setup_.listener || accept_is_paused()) return;
  if (uring_.multishot_accept && result >= 0) counters_.add(Counter::ring_rearms);
  arm_accept();
}

// --- connections ---

std::unique_ptr<LoopConnection> UringLoop::make() {
  return std::make_unique<UringConnection>(driver_);
}

void UringLoop::begin(LoopConnection& base) {
  auto& connection = static_cast<UringConnection&>(base);
  // What the ring accepted blocks already.
  const bool ring_made = !connection.dialing && !setup_.draining.load(std::memory_order_relaxed);
  if (!ring_made) set_blocking(connection.fd.get(), true);
  if (uring_.registered_files) {
    const auto at = static_cast<std::size_t>(connection.fd.get());
    ZY_CHECK(at < files_.size());
    know_file(connection.fd.get(), &files_[at]);
  }
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
  // What the polling thread has not yet taken from the socket came before deadlines and draining.
  const bool late = uring_.sqpoll && cause == Cause::other && connection.receiving;
  if (late && has_input(connection.fd.get())) return;
  if (cause == Cause::other) connection.slot.pump(now_);
  push(connection);
  conclude(connection);
}

// What flies belongs to the slot's output, although its outbox is empty.
bool UringLoop::still_sends(const UringConnection& connection) const {
  const Slot& slot = connection.slot;
  const bool flies = connection.sending || connection.in_flight();
  return flies && !slot.abortive() && slot.peer_state() != Peer::lost;
}

[[gnu::always_inline]] inline void UringLoop::forget_sends(UringConnection& connection) {
  Sending* sends = std::exchange(connection.sends, nullptr);
  if (sends->cargo != nullptr) delete std::exchange(sends->cargo, nullptr);
  sends_.give(sends);
}

// Nothing to send and nothing held: no memory for it.
[[gnu::always_inline]] inline void UringLoop::rest(UringConnection& connection) {
  connection.slot.rest();
  const Sending* sends = connection.sends;
  if (sends != nullptr && sends->flying.empty() && sends->flights == 0) forget_sends(connection);
}

// After every change: FIN, end, the receive that should or should not be armed, the deadline.
void UringLoop::conclude(UringConnection& connection) {
  Slot& slot = connection.slot;
  const bool sends = connection.sending || connection.landing;
  if (slot.wants_fin() && !sends) {
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
  rest(connection);
  wheel_.schedule(connection, slot.deadline());
}

void UringLoop::drop(LoopConnection& base) {
  auto& connection = static_cast<UringConnection&>(base);
  if (connection.ending) return;
  connection.ending = true;
  wheel_.cancel(connection);
  if (!connection.quiet()) {
    io_uring_sqe& entry = ring_.entry();
    io_uring_prep_cancel_fd(&entry, connection.fd.get(), IORING_ASYNC_CANCEL_ALL);
    unheard(entry);
  }
  bury(connection);
}

// The socket goes first: closing it may be what ends the last flights.
void UringLoop::bury(UringConnection& connection) {
  if (!connection.quiet()) return;
  if (connection.fd) {
    if (connection.slot.abortive()) reset_on_close(connection.fd.get());
    static constexpr int kNothing = -1;
    if (uring_.registered_files) know_file(connection.fd.get(), &kNothing);
    if (connection.in_flight()) connection.fd.reset();
  }
  if (connection.in_flight()) return;
  if (connection.sends != nullptr) {
    connection.sends->flying.clear();
    forget_sends(connection);
  }
  give_own_buffer(connection);
  retire(connection);
}

std::unique_ptr<Loop> make_uring_loop(LoopSetup setup) {
  return std::make_unique<UringLoop>(std::move(setup));
}

}  // namespace zyphos

#else

#include <system_error>

namespace zyphos {

std::unique_ptr<Loop> make_uring_loop(LoopSetup) {
  throw std::system_error(ENOSYS, std::generic_category(), ZYPHOS_NO_LIBURING_REASON);
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
