#if ZYPHOS_HAVE_LIBURING

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "engine/uring_driver.h"

namespace zyphos {

// How the completion loop receives: by one multishot entry or one entry each, into the ring's
// buffers or one of the connection's own.

void UringLoop::arm_receive(UringConnection& connection) {
  const bool follows = last_sender_ == &connection && ring_.is_last(last_send_number_);
  if (uring_.link_recv && follows) last_send_->flags |= IOSQE_IO_LINK;
  prepare_receive(ring_.entry(), connection);
  connection.receiving = true;
}

void UringLoop::prepare_receive(io_uring_sqe& entry, UringConnection& connection) {
  const int fd = connection.fd.get();
  if (uring_.multishot_recv) {
    io_uring_prep_recv_multishot(&entry, fd, nullptr, 0, 0);
  } else {
    std::byte* own = uring_.buffer_ring ? nullptr : own_buffer(connection);
    io_uring_prep_recv(&entry, fd, own, own == nullptr ? 0 : uring_.buffer_bytes, 0);
  }
  if (uring_.buffer_ring) {
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = RingBuffers::kGroup;
  }
  if (uring_.recv_bundles) entry.ioprio |= kBundle;
  if (uring_.poll_first) entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  address(entry, Op::receive, connection);
}

std::byte* UringLoop::own_buffer(const UringConnection& connection) {
  if (connection.index() >= own_.size()) own_.resize(connection.index() + 1);
  std::byte*& own = own_[connection.index()];
  if (own == nullptr) own = receive_pool_.take();
  return own;
}

void UringLoop::give_own_buffer(const UringConnection& connection) {
  if (connection.index() >= own_.size()) return;
  std::byte* own = std::exchange(own_[connection.index()], nullptr);
  if (own != nullptr) receive_pool_.give(own);
}

void UringLoop::stop_receive(UringConnection& connection) {
  cancel(tagged(Op::receive, &connection));
  connection.stopping = true;
}

void UringLoop::count_received(UringConnection& connection, const io_uring_cqe& completion) {
  const int result = completion.res;
  const bool ended = (completion.flags & IORING_CQE_F_MORE) == 0 && !connection.stopping;
  if (ended && uring_.multishot_recv && result != 0 && !fatal(result)) {
    counters_.add(Counter::ring_rearms);
  }
  if (result >= 0 || fatal(result)) counters_.add(Counter::recv_calls);
  if (result == -ENOBUFS) counters_.add(Counter::buffers_exhausted);
}

void UringLoop::received(UringConnection& connection, const io_uring_cqe& completion) {
  const int result = completion.res;
  count_received(connection, completion);
  if ((completion.flags & IORING_CQE_F_MORE) == 0)
    connection.receiving = connection.stopping = false;
  if (connection.ending) {
    if (result > 0 && uring_.buffer_ring) ring_.buffers().pieces(completion, [](Bytes) {});
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

[[gnu::always_inline]] inline void UringLoop::show(UringConnection& connection, Bytes bytes) {
  Slot& slot = connection.slot;
  slot.input(bytes);
  slot.pump(now_);
  push(connection);
  slot.settle();
}

// Bytes, shown where the kernel put them.
void UringLoop::take(UringConnection& connection, const io_uring_cqe& completion) {
  rearm_quickack(connection.fd.get(), setup_.options.socket);
  if (uring_.buffer_ring) {
    ring_.buffers().pieces(completion, [&](Bytes bytes) { show(connection, bytes); });
  } else {
    show(connection, {own_buffer(connection), static_cast<std::size_t>(completion.res)});
  }
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
