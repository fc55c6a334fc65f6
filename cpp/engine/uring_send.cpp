#if ZYPHOS_HAVE_LIBURING

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "engine/uring_driver.h"
#include "net/flush.h"

namespace zyphos {
namespace {

// A send with the FIN behind it is all or nothing (MSG_WAITALL), and tells of no progress
// meanwhile: only what any socket's buffer holds.
constexpr std::size_t kWithFin_bytes = 4096;

// The parts behind the first `size` bytes.
std::span<ConstBytes> without(std::span<ConstBytes> parts, std::size_t size) {
  while (!parts.empty() && size >= parts.front().size()) {
    size -= parts.front().size();
    parts = parts.subspan(1);
  }
  if (!parts.empty()) parts.front() = parts.front().subspan(size);
  return parts;
}

}  // namespace

// How the completion loop sends: what the slot has written flies as one entry after the other,
// while the slot's own outbox is filling.

bool fatal(int result) {
  return result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EINTR &&
         result != -EAGAIN;
}

Errc loss(int result) {
  if (result == -ECONNRESET) return Errc::peer_reset;
  return result == -EPIPE ? Errc::peer_gone : Errc::system;
}

[[gnu::always_inline]] inline Sending& UringLoop::sends_of(UringConnection& connection) {
  if (connection.sends == nullptr) connection.sends = sends_.take();
  if (connection.sends == nullptr) connection.sends = new Sending(pool_);
  return *connection.sends;
}

// Gives the kernel what there is when it has nothing; pumps while that makes room.
void UringLoop::push(UringConnection& connection) {
  Slot& slot = connection.slot;
  for (;;) {
    if (!connection.sending && !connection.landing && slot.has_output()) {
      Sending& sends = sends_of(connection);
      sends.flying.swap(slot.out());
      connection.corked = sends.flying.corked();
      if (connection.corked) set_cork(connection.fd.get(), true);
      submit_send(connection);
    }
    if (!slot.wants_pump()) return;
    slot.pump(now_);
  }
}

void UringLoop::submit_send(UringConnection& connection) {
  const Sending& sends = *connection.sends;
  // Few parts are the rule, and preparing room for many is not free.
  std::array<ConstBytes, 4> few;
  const std::size_t count = sends.flying.gather(few);
  if (count < few.size() && sends.gone == 0) {
    submit_parts(connection, std::span(few).first(count));
    return;
  }
  std::array<ConstBytes, Ring::kParts> parts;
  const std::span all = std::span(parts).first(sends.flying.gather(parts));
  const std::span rest = without(all, sends.gone);
  if (rest.empty()) {
    // All of this batch is gone and the next is not in sight before it is let go.
    connection.landing = true;
  } else {
    submit_parts(connection, rest);
  }
}

void UringLoop::submit_parts(UringConnection& connection, std::span<const ConstBytes> parts) {
  ZY_DCHECK(!parts.empty());
  std::size_t& given = connection.sends->given;
  given = 0;
  for (const ConstBytes part : parts) given += part.size();
  connection.sending = true;
  if (uring_.send_zc_bytes && given >= *uring_.send_zc_bytes) {
    submit_zero_copy(connection, parts);
  } else if (uring_.send_apart && parts.size() > 1) {
    submit_apart(connection, parts);
  } else {
    submit_together(connection, parts);
  }
}

void UringLoop::submit_together(UringConnection& connection, std::span<const ConstBytes> parts) {
  const int fd = connection.fd.get();
  connection.fin_linked = uring_.link_shutdown && fin_may_follow(connection);
  ring_.together(connection.fin_linked ? 2 : 1);
  msghdr* message = parts.size() == 1 ? nullptr : &ring_.message(parts);
  const int flags = MSG_NOSIGNAL | (connection.fin_linked ? MSG_WAITALL : 0);
  io_uring_sqe& entry = ring_.entry();
  if (message == nullptr) {
    io_uring_prep_send(&entry, fd, parts[0].data(), parts[0].size(), flags);
  } else {
    io_uring_prep_sendmsg(&entry, fd, message, static_cast<unsigned>(flags));
  }
  address(entry, Op::send, connection);
  last_send_ = &entry;
  last_send_number_ = ring_.asked();
  last_sender_ = &connection;
  if (connection.fin_linked) link_fin(connection, entry);
}

// Each part by itself, whole or not at all (MSG_WAITALL). Where the socket's buffer is full they
// wait for room side by side, and nothing says who gets it first: unless they are linked, the bytes
// may leave in any order. What comes of it is for the experiment ring_order to show.
void UringLoop::submit_apart(UringConnection& connection, std::span<const ConstBytes> parts) {
  Sending& sends = *connection.sends;
  sends.parts = static_cast<std::uint32_t>(parts.size());
  sends.taken = 0;
  sends.failure = 0;
  ring_.together(static_cast<unsigned>(parts.size()));
  for (std::size_t at = 0; at < parts.size(); ++at) {
    io_uring_sqe& entry = ring_.entry();
    io_uring_prep_send(&entry, connection.fd.get(), parts[at].data(), parts[at].size(),
                       MSG_NOSIGNAL | MSG_WAITALL);
    address(entry, Op::part, connection);
    if (uring_.link_sends && at + 1 < parts.size()) entry.flags |= IOSQE_IO_LINK;
  }
}

// Linked, what the kernel has of the parts is their beginning: behind one that fails or falls short
// all are cancelled.
void UringLoop::part_sent(UringConnection& connection, int result) {
  Sending& sends = *connection.sends;
  if (result > 0) sends.taken += static_cast<std::size_t>(result);
  if (fatal(result) && sends.failure == 0) sends.failure = result;
  if (--sends.parts > 0) return;
  sent(connection, sends.failure != 0 ? sends.failure : static_cast<int>(sends.taken));
}

// Is this send the last, so that the FIN is due behind it?
bool UringLoop::fin_may_follow(const UringConnection& connection) const {
  const Sending& sends = *connection.sends;
  return connection.slot.wants_fin() && sends.given <= kWithFin_bytes &&
         sends.given + sends.gone == sends.flying.pending() && !connection.corked;
}

void UringLoop::link_fin(UringConnection& connection, io_uring_sqe& send) {
  send.flags |= IOSQE_IO_LINK;
  io_uring_sqe& entry = ring_.entry();
  io_uring_prep_shutdown(&entry, connection.fd.get(), SHUT_WR);
  address(entry, Op::none, connection);
  unheard(entry);
}

void UringLoop::sent(UringConnection& connection, int result) {
  account(connection, result);
  taken(connection, result);
  go_on(connection, result);
}

// So much of what flies is the kernel's; while flights read what is before it, nothing is let go.
void UringLoop::taken(UringConnection& connection, int result) {
  Sending& sends = *connection.sends;
  if (result > 0) sends.gone += static_cast<std::size_t>(result);
  if (sends.cargo != nullptr && sends.cargo->flights > 0) {
    if (sends.gone < sends.flying.pending()) return;
    sends.cargo->box.swap(sends.flying);
    sends.cargo = nullptr;
  } else {
    sends.flying.sent(sends.gone);
  }
  sends.gone = 0;
}

void UringLoop::account(UringConnection& connection, int result) {
  connection.sending = false;
  counters_.add(Counter::send_calls);
  if (result < 0) return;
  const auto size = static_cast<std::size_t>(result);
  counters_.add(Counter::bytes_out, size);
  if (size < connection.sends->given) counters_.add(Counter::partial_writes);
  // Sent short, its link was cut.
  if (connection.fin_linked && size == connection.sends->given) connection.slot.fin_sent();
  const Sending& sends = *connection.sends;
  connection.slot.progressed(now_, sends.gone + size < sends.flying.pending());
}

// After the result of a send.
void UringLoop::go_on(UringConnection& connection, int result) {
  if (connection.ending) {
    bury(connection);
    return;
  }
  if (fatal(result)) {
    lose(connection, loss(result));
    return;
  }
  if (!connection.sends->flying.empty()) {
    submit_send(connection);  // the rest, or the call after a boundary
    return;
  }
  if (connection.corked) set_cork(connection.fd.get(), false);
  push(connection);
  conclude(connection);
}

// --- zero-copy: two completions each, the result and the kernel's word that it reads no more ---

void UringLoop::submit_zero_copy(UringConnection& connection, std::span<const ConstBytes> parts) {
  const int fd = connection.fd.get();
  ring_.together(1);
  msghdr* message = parts.size() == 1 ? nullptr : &ring_.message(parts);
  io_uring_sqe& entry = ring_.entry();
  if (message == nullptr) {
    io_uring_prep_send_zc(&entry, fd, parts[0].data(), parts[0].size(), MSG_NOSIGNAL, kReportUsage);
    if (is_mapped(parts[0])) {
      entry.ioprio |= IORING_RECVSEND_FIXED_BUF;
      entry.buf_index = 0;
      counters_.add(Counter::ring_mapped_sends);
    }
  } else {
    io_uring_prep_sendmsg_zc(&entry, fd, message, MSG_NOSIGNAL);
    entry.ioprio |= kReportUsage;
  }
  Sending& sends = *connection.sends;
  if (sends.cargo == nullptr) sends.cargo = new Cargo(connection, pool_);
  address(entry, Op::flight, connection);
  io_uring_sqe_set_data64(&entry, tagged(Op::flight, sends.cargo));
  ++sends.cargo->flights;
  ++sends.flights;
}

bool UringLoop::is_mapped(ConstBytes part) const {
  return !mapped_.empty() && part.data() >= mapped_.data() &&
         part.data() + part.size() <= mapped_.data() + mapped_.size();
}

void UringLoop::flown(Cargo& cargo, const io_uring_cqe& completion) {
  if ((completion.flags & IORING_CQE_F_NOTIF) != 0) {
    counters_.add(Counter::zerocopy_done);
    const auto use = static_cast<unsigned>(completion.res);
    if ((use & kUsageCopied) != 0) counters_.add(Counter::zerocopy_copied);
    landed(cargo);
    return;
  }
  UringConnection& connection = cargo.connection;
  if ((completion.flags & IORING_CQE_F_MORE) == 0) {  // nothing will follow
    --cargo.flights;
    --connection.sends->flights;
  }
  sent(connection, completion.res);
}

void UringLoop::landed(Cargo& cargo) {
  UringConnection& connection = cargo.connection;
  --connection.sends->flights;
  if (--cargo.flights > 0) return;
  if (&cargo != connection.sends->cargo) delete &cargo;
  if (connection.ending) {
    bury(connection);
  } else if (std::exchange(connection.landing, false)) {
    taken(connection, 0);
    go_on(connection, 0);
  } else {
    conclude(connection);
  }
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
