#include "net/send_call.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace zyphos {
namespace {

constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
// In the order of SendCall.
constexpr std::array<std::string_view, 5> kNames{"send", "write", "writev", "sendmsg", "zerocopy"};

iovec piece_of(ConstBytes bytes) {
  return {.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
}

ssize_t send_message(int fd, ConstBytes bytes) {
  iovec piece = piece_of(bytes);
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return ::sendmsg(fd, &message, kFlags);
}

ssize_t send_zerocopy(int fd, ConstBytes bytes) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), kFlags | MSG_ZEROCOPY);
  if (sent >= 0 || errno != ENOBUFS) return sent;
  return ::send(fd, bytes.data(), bytes.size(), kFlags);
}

// One notification: a range of sends, inclusive.
void count(const sock_extended_err& told, Counters& counters) {
  if (told.ee_errno != 0 || told.ee_origin != SO_EE_ORIGIN_ZEROCOPY) return;
  const std::uint64_t sends = std::uint64_t{told.ee_data - told.ee_info} + 1;
  counters.add(Counter::zerocopy_done, sends);
  if ((told.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0) {
    counters.add(Counter::zerocopy_copied, sends);
  }
}

}  // namespace

std::optional<SendCall> send_call(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return {};
  return static_cast<SendCall>(found - kNames.begin());
}

ssize_t send_by(SendCall call, int fd, ConstBytes bytes) {
  switch (call) {
    case SendCall::send: break;
    case SendCall::write: return ::write(fd, bytes.data(), bytes.size());
    case SendCall::writev: {
      const iovec piece = piece_of(bytes);
      return ::writev(fd, &piece, 1);
    }
    case SendCall::sendmsg: return send_message(fd, bytes);
    case SendCall::zerocopy: return send_zerocopy(fd, bytes);
  }
  return ::send(fd, bytes.data(), bytes.size(), kFlags);
}

void enable_zerocopy(int fd) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) != 0) {
    throw std::system_error(errno, std::generic_category(), "setsockopt SO_ZEROCOPY");
  }
}

void take_zerocopy(int fd, Counters& counters) {
  alignas(cmsghdr) std::array<char, 256> control;
  for (;;) {
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      const bool error = (one->cmsg_level == SOL_IP && one->cmsg_type == IP_RECVERR) ||
                         (one->cmsg_level == SOL_IPV6 && one->cmsg_type == IPV6_RECVERR);
      if (!error) continue;
      sock_extended_err told{};
      std::memcpy(&told, CMSG_DATA(one), sizeof told);
      count(told, counters);
    }
  }
}

}  // namespace zyphos
