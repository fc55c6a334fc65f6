#if ZYPHOS_HAVE_LIBURING

#include "engine/uring_ring.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "net/clock.h"

namespace zyphos {
namespace {

[[noreturn]] void fail(int error, const char* doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

}  // namespace

io_uring_params ring_parameters(const UringOptions& options) {
  io_uring_params params{};
  params.flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  params.cq_entries = options.completions;
  if (options.single_issuer) params.flags |= IORING_SETUP_SINGLE_ISSUER;
  if (options.taskrun == Taskrun::defer) params.flags |= IORING_SETUP_DEFER_TASKRUN;
  if (options.taskrun == Taskrun::coop) params.flags |= IORING_SETUP_COOP_TASKRUN;
  if (!options.sqpoll) return params;
  params.flags |= IORING_SETUP_SQPOLL;
  const std::int64_t idle_ms = (options.sqpoll_idle_ns + kMillisecond_ns - 1) / kMillisecond_ns;
  params.sq_thread_idle = static_cast<unsigned>(std::max<std::int64_t>(idle_ms, 1));
  if (options.sqpoll_cpu) {
    params.flags |= IORING_SETUP_SQ_AFF;
    params.sq_thread_cpu = static_cast<unsigned>(*options.sqpoll_cpu);
  }
  return params;
}

Ring::Ring(const UringOptions& options, Counters& counters)
    : options_(options), counters_(counters), messages_(kMessages) {
  io_uring_params params = ring_parameters(options);
  const int error = io_uring_queue_init_params(options.submissions, &ring_, &params);
  if (error < 0) fail(-error, "io_uring_setup");
  try {
    if (options.buffer_ring) buffers_.emplace(ring_, options);
    // Spares each call the look-up of the ring's descriptor.
    const int registered = options.registered_ring ? io_uring_register_ring_fd(&ring_) : 1;
    if (registered < 0) fail(-registered, "io_uring_register_ring_fd");
  } catch (...) {
    io_uring_queue_exit(&ring_);
    throw;
  }
}

// The kernel lets go of the buffers before their memory goes.
Ring::~Ring() { io_uring_queue_exit(&ring_); }

io_uring_sqe& Ring::entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    submit();
    if (options_.sqpoll) io_uring_sqring_wait(&ring_);
    entry = io_uring_get_sqe(&ring_);
  }
  ++asked_;
  return *entry;
}

void Ring::together(unsigned count) {
  while (io_uring_sq_space_left(&ring_) < count) {
    submit();
    if (options_.sqpoll) io_uring_sqring_wait(&ring_);
  }
}

msghdr& Ring::message(std::span<const ConstBytes> parts) {
  ZY_DCHECK(parts.size() <= kParts);
  while (messages_used_ == kMessages) {
    submit();
    // A polling kernel thread reads them when it comes to it.
    if (messages_used_ == kMessages) ::sched_yield();
  }
  Message& message = messages_[messages_used_++];
  for (std::size_t i = 0; i < parts.size(); ++i) {
    message.parts[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  message.header = {};
  message.header.msg_iov = message.parts;
  message.header.msg_iovlen = parts.size();
  return message.header;
}

void Ring::submit() {
  for (;;) {
    entered();
    const int result = io_uring_submit(&ring_);
    if (result >= 0) break;
    if (result != -EAGAIN && result != -EBUSY && result != -EINTR) fail(-result, "io_uring_enter");
    hold();  // completions stand in the way
  }
  forget_submitted();
}

// Counts a call that follows. With a polling thread there is one only to wake it.
void Ring::entered() {
  const bool polled = options_.sqpoll;
  const unsigned flags = polled ? IO_URING_READ_ONCE(*ring_.sq.kflags) : IORING_SQ_NEED_WAKEUP;
  if ((flags & IORING_SQ_NEED_WAKEUP) != 0) counters_.add(Counter::ring_enters);
}

void Ring::forget_submitted() {
  counters_.add(Counter::ring_sqes, asked_ - std::exchange(submitted_, asked_));
  if (io_uring_sq_ready(&ring_) == 0) messages_used_ = 0;
}

void Ring::hold() {
  unsigned head = *ring_.cq.khead;
  const unsigned tail = io_uring_smp_load_acquire(ring_.cq.ktail);
  for (; head != tail; ++head) held_.push_back(ring_.cq.cqes[head & *ring_.cq.kring_mask]);
  io_uring_smp_store_release(ring_.cq.khead, head);
}

io_uring_cqe Ring::take_held() {
  const io_uring_cqe completion = held_[held_taken_++];
  if (held_taken_ == held_.size()) {
    held_.clear();
    held_taken_ = 0;
  }
  return completion;
}

Ring::Woken Ring::submit_and_wait(Time deadline, Time now) {
  const int result = enter(deadline, now);
  forget_submitted();
  if (overflowed()) counters_.add(Counter::ring_overflows);
  switch (result) {
    case -EINTR: return Woken::interrupted;
    case -ETIME:
    case -EAGAIN:
    case -EBUSY:  // completions have to be taken first
      return Woken::timeout;
    default:
      if (result < 0) fail(-result, "io_uring_enter");
      return Woken::ready;
  }
}

int Ring::enter(Time deadline, Time now) {
  // A polling thread needs no call as long as there is something to do.
  if (options_.sqpoll && (io_uring_cq_ready(&ring_) > 0 || !held_.empty())) {
    entered();
    return io_uring_submit(&ring_);
  }
  counters_.add(Counter::ring_enters);
  if (deadline.is_never()) return io_uring_submit_and_wait(&ring_, 1);
  const timespec left = to_timespec(deadline - now);
  __kernel_timespec limit{.tv_sec = left.tv_sec, .tv_nsec = left.tv_nsec};
  io_uring_cqe* first = nullptr;
  return io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
