#include "net/socket.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "net/clock.h"

namespace zyphos {
namespace {

[[noreturn]] void fail(int error, const std::string& doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

Fd make_socket(const Address& address) {
  const int family = address.family == Address::Family::ipv4 ? AF_INET : AF_INET6;
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void switch_on(int fd, int option, const std::string& doing) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) != 0) fail(errno, doing);
}

void keep_to(int fd, const std::string& device, const std::string& doing) {
  const auto size = static_cast<socklen_t>(device.size());
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.data(), size) != 0) {
    fail(errno, doing + " by interface " + device);
  }
}

// What must stand before the bind.
void prepare(int fd, const ListenOptions& options, const std::string& doing) {
  switch_on(fd, SO_REUSEADDR, doing);
  if (options.reuse_port) switch_on(fd, SO_REUSEPORT, doing);
  if (options.ipv6_only) {
    const int only = *options.ipv6_only ? 1 : 0;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0) fail(errno, doing);
  }
  if (!options.device.empty()) keep_to(fd, options.device, doing);
}

// The address alone: a port that bind chose would be taken for every peer.
bool bind_address(int fd, const Address& from) {
  const int on = 1;
  const SocketAddress raw(from);
  return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
         ::bind(fd, &raw.generic, raw.size) == 0;
}

}  // namespace

SocketAddress::SocketAddress(const Address& address) {
  if (address.family == Address::Family::ipv4) {
    ipv4 = {};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(address.port);
    std::memcpy(&ipv4.sin_addr, address.host.data(), sizeof ipv4.sin_addr);
    size = sizeof ipv4;
    return;
  }
  ipv6 = {};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(address.port);
  ipv6.sin6_scope_id = address.scope;
  std::memcpy(&ipv6.sin6_addr, address.host.data(), sizeof ipv6.sin6_addr);
  size = sizeof ipv6;
}

namespace {

// What the kernel has named; none: neither IPv4 nor IPv6.
std::optional<Address> address_of(const SocketAddress& raw) {
  Address out;
  if (raw.generic.sa_family == AF_INET) {
    out.port = ntohs(raw.ipv4.sin_port);
    std::memcpy(out.host.data(), &raw.ipv4.sin_addr, sizeof raw.ipv4.sin_addr);
  } else if (raw.generic.sa_family == AF_INET6) {
    out.family = Address::Family::ipv6;
    out.port = ntohs(raw.ipv6.sin6_port);
    out.scope = raw.ipv6.sin6_scope_id;
    std::memcpy(out.host.data(), &raw.ipv6.sin6_addr, sizeof raw.ipv6.sin6_addr);
  } else {
    return std::nullopt;
  }
  return out;
}

}  // namespace

Address local_address(int fd) {
  SocketAddress raw{Address{}};
  raw.size = sizeof raw.ipv6;
  if (getsockname(fd, &raw.generic, &raw.size) != 0) fail(errno, "getsockname");
  const std::optional<Address> found = address_of(raw);
  if (!found) fail(EAFNOSUPPORT, "getsockname");
  return *found;
}

std::optional<Address> peer_address(int fd) {
  SocketAddress raw{Address{}};
  raw.size = sizeof raw.ipv6;
  if (getpeername(fd, &raw.generic, &raw.size) != 0) return std::nullopt;
  return address_of(raw);
}

Fd listen_on(const Address& address, const ListenOptions& options) {
  const std::string doing = "listen on " + address.text();
  Fd fd = make_socket(address);
  if (!fd) fail(errno, doing);
  prepare(fd.get(), options, doing);
  apply(fd.get(), options.socket, SocketRole::listening);
  const SocketAddress raw(address);
  if (::bind(fd.get(), &raw.generic, raw.size) != 0 || ::listen(fd.get(), options.backlog) != 0) {
    fail(errno, doing);
  }
  return fd;
}

Dialed dial_socket(const Address& address, const SocketOptions& options,
                   const std::optional<Address>& from) {
  Fd fd = make_socket(address);
  if (!fd) return {.fd = {}, .connected = false, .error = connect_error(errno)};
  apply(fd.get(), options, SocketRole::dialing);
  if (from && !bind_address(fd.get(), *from)) {
    return {.fd = {}, .connected = false, .error = connect_error(errno)};
  }
  const SocketAddress raw(address);
  if (::connect(fd.get(), &raw.generic, raw.size) == 0) {
    return {.fd = std::move(fd), .connected = true, .error = Errc::ok};
  }
  // An interrupted connect goes on by itself, like one in progress.
  if (errno == EINPROGRESS || errno == EINTR) return {.fd = std::move(fd)};
  return {.fd = {}, .connected = false, .error = connect_error(errno)};
}

Errc connect_error(int error) {
  if (error == 0) return Errc::ok;
  if (error == ECONNREFUSED) return Errc::connect_refused;
  if (error == ETIMEDOUT) return Errc::connect_timeout;
  if (error == EADDRNOTAVAIL) return Errc::connect_no_port;
  return Errc::connect_failed;
}

Errc connect_result(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return connect_error(error);
}

Fd connect_to(const Address& address, const SocketOptions& options, std::int64_t timeout_ns) {
  const std::string doing = "connect to " + address.text();
  Fd fd = make_socket(address);
  if (!fd) fail(errno, doing);
  apply(fd.get(), options, SocketRole::dialing);
  const SocketAddress raw(address);
  if (::connect(fd.get(), &raw.generic, raw.size) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) fail(errno, doing);
    const Time end = clock_now() + timeout_ns;
    pollfd waiting{.fd = fd.get(), .events = POLLOUT, .revents = 0};
    int ready = 0;
    do {
      const timespec left = to_timespec(end - clock_now());
      ready = ppoll(&waiting, 1, &left, nullptr);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) fail(ETIMEDOUT, doing);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) fail(error, doing);
  }
  set_blocking(fd.get(), true);
  return fd;
}

void set_blocking(int fd, bool blocking) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) fail(errno, "fcntl(F_GETFL)");
  const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  if (fcntl(fd, F_SETFL, wanted) != 0) fail(errno, "fcntl(F_SETFL)");
}

void reset_on_close(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace zyphos
