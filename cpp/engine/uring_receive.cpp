#if ZYPHOS_HAVE_LIBURING

#include <sys/socket.h>

#include <cerrno>

#include "engine/uring_driver.h"

namespace zyphos {

// How the completion loop receives: by one multishot entry or one entry each, into the ring's
// buffers or one of the connection's own.

void UringLoop::arm_receive(UringConnection& connection) {
  const bool follows = last_sender_ == &connection && ring_.is_last(last_send_number_);
  if (uring_.link_recv && follows) last_send_->flags |= IOSQE_IO_LINK;
  if (!uring_.buffer_ring && connection.own == nullptr) connection.own = receive_pool_.take();
  const std::size_t room = uring_.buffer_ring ? 0 : uring_.buffer_bytes;
  io_uring_sqe& entry = ring_.entry();
  if (uring_.multishot_recv) {
    io_uring_prep_recv_multishot(&entry, connection.fd.get(), nullptr, 0, 0);
  } else {
    io_uring_prep_recv(&entry, connection.fd.get(), connection.own, room, 0);
  }
  if (uring_.buffer_ring) {
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = RingBuffers::kGroup;
  }
  if (uring_.recv_bundles) entry.ioprio |= kBundle;
  if (uring_.poll_first) entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
  address(entry, Op::receive, connection);
  connection.receiving = true;
}

void UringLoop::stop_receive(UringConnection& connection) {
  cancel(tagged(Op::receive, &connection));
  connection.stopping = true;
}

void UringLoop::received(UringConnection& connection, const io_uring_cqe& completion) {
  const int result = completion.res;
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {
    const bool again = uring_.multishot_recv && !connection.stopping && !fatal(result);
    if (again && result != 0) counters_.add(Counter::ring_rearms);
    connection.receiving = false;
    connection.stopping = false;
  }
  if (result >= 0 || fatal(result)) counters_.add(Counter::recv_calls);
  if (result == -ENOBUFS) counters_.add(Counter::buffers_exhausted);
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

// Bytes, shown where the kernel put them.
void UringLoop::take(UringConnection& connection, const io_uring_cqe& completion) {
  rearm_quickack(connection.fd.get(), setup_.options.socket);
  if (uring_.buffer_ring) {
    ring_.buffers().pieces(completion, [&](Bytes bytes) { show(connection, bytes); });
  } else {
    show(connection, {connection.own, static_cast<std::size_t>(completion.res)});
  }
}

void UringLoop::show(UringConnection& connection, Bytes bytes) {
  Slot& slot = connection.slot;
  slot.input(bytes);
  slot.pump(now_);
  push(connection);
  slot.settle();
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
