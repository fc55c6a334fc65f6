#include "net/timestamps.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "net/clock.h"
#include "net/fd.h"
#include "net/socket.h"

namespace zyphos {
namespace {

std::int64_t to_ns(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * kSecond_ns + time.tv_nsec;
}

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return to_ns(now);
}

// The software stamp among a message's control data; 0 when there is none.
std::int64_t software_stamp(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPING) continue;
    scm_timestamping stamps{};
    std::memcpy(&stamps, CMSG_DATA(part), sizeof stamps);
    return to_ns(stamps.ts[0]);
  }
  return 0;
}

// The number of the byte that a stamp is about.
std::optional<std::uint32_t> stamped_byte(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    const bool error = (part->cmsg_level == SOL_IP && part->cmsg_type == IP_RECVERR) ||
                       (part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_RECVERR);
    if (!error) continue;
    sock_extended_err about{};
    std::memcpy(&about, CMSG_DATA(part), sizeof about);
    if (about.ee_origin == SO_EE_ORIGIN_TIMESTAMPING) return about.ee_data;
  }
  return {};
}

}  // namespace

void enable_timestamps(int fd) {
  const unsigned wanted = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE |
                          SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY |
                          SOF_TIMESTAMPING_OPT_ID;
  // Numbering needs a connection, which a listening socket is not.
  const unsigned without = wanted & ~static_cast<unsigned>(SOF_TIMESTAMPING_OPT_ID);
  int listening = 0;
  socklen_t size = sizeof listening;
  getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
  const unsigned flags = listening != 0 ? without : wanted;
  if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) != 0) {
    throw std::system_error(errno, std::generic_category(), "setsockopt SO_TIMESTAMPING");
  }
}

void await_timestamps() {
  constexpr int kTries = 1000;
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress own(Address::loopback(0));
  if (!fd || bind(fd.get(), &own.generic, own.size) != 0 ||
      getsockname(fd.get(), &own.generic, &own.size) != 0 ||
      connect(fd.get(), &own.generic, own.size) != 0) {
    throw std::system_error(errno, std::generic_category(), "a socket to try timestamps with");
  }
  enable_timestamps(fd.get());
  const timespec pause = to_timespec(kMillisecond_ns);
  for (int i = 0; i < kTries; ++i) {
    std::byte byte{};
    std::int64_t stamp_ns = 0;
    if (send(fd.get(), &byte, 1, MSG_DONTWAIT) == 1) {
      static_cast<void>(receive_stamped(fd.get(), Bytes(&byte, 1), stamp_ns));
    }
    if (stamp_ns != 0) return;
    while (take_sent_stamp(fd.get())) {
    }
    nanosleep(&pause, nullptr);
  }
  throw std::system_error(ENOTSUP, std::generic_category(), "kernel timestamps (SO_TIMESTAMPING)");
}

Received receive_stamped(int fd, Bytes buffer, std::int64_t& stamp_ns) {
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) char control[256];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  stamp_ns = 0;
  const ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
  if (size > 0) {
    stamp_ns = software_stamp(message);
    return {Receive::bytes, static_cast<std::size_t>(size)};
  }
  if (size == 0) return {Receive::finished, 0};
  if (errno == EAGAIN || errno == EINTR) return {Receive::again, 0};
  return {errno == ECONNRESET ? Receive::reset : Receive::failed, 0};
}

std::optional<SentStamp> take_sent_stamp(int fd) {
  alignas(cmsghdr) char control[256];
  // What has no stamp (another error of the queue) is passed over.
  while (true) {
    msghdr message{};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return {};
    const auto last_byte = stamped_byte(message);
    if (last_byte) return SentStamp{*last_byte, software_stamp(message)};
  }
}

std::int64_t realtime_ahead_ns() {
  // The narrowest of three readings: a preempted one would be off by the time away.
  std::int64_t best = 0;
  std::int64_t narrowest = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const std::int64_t before = read_clock(CLOCK_MONOTONIC);
    const std::int64_t real = read_clock(CLOCK_REALTIME);
    const std::int64_t after = read_clock(CLOCK_MONOTONIC);
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = real - before - narrowest / 2;
  }
  return best;
}

}  // namespace zyphos
