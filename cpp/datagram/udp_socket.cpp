#include "datagram/udp_socket.h"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "net/socket.h"

// Older C libraries' headers have these not.
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace zyphos::datagram {
namespace {

constexpr int kBusyPollBudget = 64;

Fd udp_socket(const Address& address) {
  const bool ipv6 = address.family == Address::Family::ipv6;
  Fd fd(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) fail("make a UDP socket");
  const int bytes = kReceiveBytes;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
    set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, bytes, "SO_RCVBUF");
  }
  return fd;
}

}  // namespace

void fail(const std::string& doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

void set_option(int fd, int level, int name, int value, const char* doing) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) fail(doing);
}

Fd bound_socket(const Address& address) {
  Fd fd = udp_socket(address);
  const SocketAddress place(address);
  if (::bind(fd.get(), &place.generic, place.size) != 0) fail("bind to " + address.text());
  return fd;
}

Fd connected_socket(const Address& address) {
  Fd fd = udp_socket(address);
  const SocketAddress place(address);
  if (::connect(fd.get(), &place.generic, place.size) != 0) fail("connect to " + address.text());
  return fd;
}

void busy_poll(int fd, unsigned microseconds) {
  if (microseconds == 0) return;
  set_option(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1, "SO_PREFER_BUSY_POLL");
  set_option(fd, SOL_SOCKET, SO_BUSY_POLL, static_cast<int>(microseconds), "SO_BUSY_POLL");
  set_option(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, kBusyPollBudget, "SO_BUSY_POLL_BUDGET");
}

void receive_trains(int fd) { set_option(fd, SOL_UDP, UDP_GRO, 1, "UDP_GRO"); }

std::uint64_t dropped_of(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> told{};
  socklen_t size = sizeof told;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, told.data(), &size) != 0) fail("SO_MEMINFO");
  return told[SK_MEMINFO_DROPS];
}

HeldPort::HeldPort(const Address& address) : fd_(bound_socket(address)) {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{.len = 1, .filter = &nothing};
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    fail("SO_ATTACH_FILTER");
  }
  address_ = local_address(fd_.get());
}

}  // namespace zyphos::datagram
