#include "ipc/meeting.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>

#include "net/passing.h"

namespace zyphos::ipc {
namespace {

[[noreturn]] void fail(int error, const std::string& doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

struct Address {
  sockaddr_un un{};
  socklen_t size;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&un); }
};

// sun_path begins with a NUL: no file, and nothing that stays (unix(7), abstract).
Address address_of(std::uint16_t port) {
  const std::string name = "zyphos-ipc-" + std::to_string(port);
  Address address;
  address.un.sun_family = AF_UNIX;
  std::ranges::copy(name, address.un.sun_path + 1);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return address;
}

Fd packet_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) fail(errno, "socket");
  return fd;
}

template <class T>
void put(const Fd& control, const T& data) {
  if (::send(control.get(), &data, sizeof data, MSG_NOSIGNAL) !=
      static_cast<ssize_t>(sizeof data)) {
    fail(errno, "speaking to the other process");
  }
}

template <class T>
T take(const Fd& control) {
  T data{};
  const ssize_t got = ::recv(control.get(), &data, sizeof data, 0);
  if (got != static_cast<ssize_t>(sizeof data)) {
    fail(got < 0 ? errno : EPIPE, "hearing from the other process");
  }
  return data;
}

ChannelOptions take_options(const Fd& control) {
  const auto options = take<ChannelOptions>(control);
  if (options.by > By::spin || options.pattern > Pattern::stream || !complaint(options).empty()) {
    fail(EPROTO, "what the other process asks for");
  }
  return options;
}

}  // namespace

Fd meeting_place(std::uint16_t& port) {
  Fd fd = packet_socket();
  const bool any = port == 0;
  if (any) port = static_cast<std::uint16_t>(std::max(1, ::getpid() & 0xffff));
  for (;;) {
    const Address address = address_of(port);
    if (::bind(fd.get(), address.get(), address.size) == 0) break;
    if (errno != EADDRINUSE || !any) fail(errno, "meeting at " + std::to_string(port));
    port = static_cast<std::uint16_t>(port % 0xffff + 1);
  }
  if (::listen(fd.get(), 1) != 0) fail(errno, "listen");
  return fd;
}

Met wait_for_asker(const Fd& place, int interrupt) {
  std::array<pollfd, 2> fds{pollfd{place.get(), POLLIN, 0}, pollfd{interrupt, POLLIN, 0}};
  while (::poll(fds.data(), fds.size(), -1) < 0) {
    if (errno != EINTR) fail(errno, "poll");
  }
  Met met;
  if (fds[1].revents != 0) return met;
  met.control = Fd(::accept4(place.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!met.control) fail(errno, "accept");
  met.options = take_options(met.control);
  std::vector<Fd> descriptors;
  while (descriptors.size() < descriptors_of(met.options.by)) {
    descriptors.emplace_back(receive_passed(met.control.get()));
    if (!descriptors.back()) fail(errno, "receiving the channel");
  }
  met.channel = open_channel(met.options, Side::answer, std::move(descriptors));
  return met;
}

Met ask_at(std::uint16_t port, const ChannelOptions& options) {
  Met met{.control = packet_socket(), .options = options, .channel = {}};
  const Address address = address_of(port);
  if (::connect(met.control.get(), address.get(), address.size) != 0) {
    fail(errno, "nobody waits at " + std::to_string(port));
  }
  Ends ends = make_ends(options);
  put(met.control, options);
  for (const Fd& fd : ends.answerer) {
    if (!pass(met.control.get(), fd.get())) fail(errno, "passing the channel");
  }
  met.channel = open_channel(options, Side::ask, std::move(ends.asker));
  return met;
}

void say(const Fd& control, const Totals& totals) { put(control, totals); }

Totals told(const Fd& control) { return take<Totals>(control); }

}  // namespace zyphos::ipc
