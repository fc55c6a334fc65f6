#include "fetch/resolver.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "net/clock.h"
#include "net/socket.h"

namespace zyphos::fetch {
namespace {

// A socket that hears of nobody but `server`.
Fd socket_to(const Address& server) {
  const SocketAddress raw(server);
  Fd fd(::socket(raw.generic.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), &raw.generic, raw.size) != 0) {
    throw std::system_error(errno, std::generic_category(), "ask " + server.text());
  }
  return fd;
}

}  // namespace

Resolver::Resolver(const Address& server, dns::Question asked, std::int64_t timeout_ns,
                   Waiter& waiter, std::uint64_t seed)
    : server_(server),
      asked_(std::move(asked)),
      timeout_ns_(timeout_ns),
      waiter_(waiter),
      random_(seed) {}

std::expected<Address, Errc> Resolver::resolve(Time end) {
  const Fd fd = socket_to(server_);
  std::expected<dns::Found, Errc> found = std::unexpected(Errc::dns_timeout);
  for (int i = 0; i < kTries; ++i) {
    found = ask(fd.get(), std::min(end, clock_now() + timeout_ns_));
    if (found || found.error() != Errc::deadline) break;
    found = std::unexpected(clock_now() >= end ? Errc::deadline : Errc::dns_timeout);
    if (found.error() == Errc::deadline || waiter_.stopped()) break;
  }
  if (!found) return std::unexpected(found.error());
  address_ = found->addresses.front();
  fresh_until_ = clock_now() + static_cast<std::int64_t>(found->ttl_s) * kSecond_ns;
  return address_;
}

std::expected<Address, Errc> Resolver::resolve_cached(Time end) {
  if (is_fresh(clock_now())) return address_;
  return resolve(end);
}

// One query. What is no answer to it is passed over (RFC 5452, 9.1).
std::expected<dns::Found, Errc> Resolver::ask(int fd, Time end) {
  const auto id = static_cast<std::uint16_t>(random_.next());
  const std::vector<std::byte> query = dns::query(id, asked_);
  if (::send(fd, query.data(), query.size(), MSG_NOSIGNAL) < 0) {
    return std::unexpected(connect_error(errno));
  }
  std::array<std::byte, dns::kDatagram_bytes_max> datagram;
  while (true) {
    if (const Errc error = waiter_.wait(fd, POLLIN, end); error != Errc::ok) {
      return std::unexpected(error);
    }
    const ssize_t size = ::recv(fd, datagram.data(), datagram.size(), 0);
    if (size < 0 && errno != EAGAIN && errno != EINTR) return std::unexpected(connect_error(errno));
    if (size < 0) continue;
    auto found =
        dns::read_answer(ConstBytes(datagram).first(static_cast<std::size_t>(size)), id, asked_);
    if (found || found.error() != Errc::bad_dns) return found;
  }
}

}  // namespace zyphos::fetch
