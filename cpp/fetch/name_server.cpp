#include "fetch/name_server.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "net/clock.h"

namespace zyphos::fetch {
namespace {

constexpr std::size_t kWaiting_max = 4096;  // queries beyond are dropped, as a full socket would

Fd bound_to(const Address& address) {
  const SocketAddress raw(address);
  Fd fd(::socket(raw.generic.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || ::bind(fd.get(), &raw.generic, raw.size) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen on " + address.text());
  }
  return fd;
}

}  // namespace

NameServer::NameServer(const Address& address, dns::Zone zone, std::int64_t delay_ns)
    : zone_(std::move(zone)), delay_ns_(delay_ns), fd_(bound_to(address)) {}

void NameServer::run(int stop_fd) {
  // The kernel may otherwise round a sleep up by 50 us.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  std::array<pollfd, 2> fds{pollfd{fd_.get(), POLLIN, 0}, pollfd{stop_fd, POLLIN, 0}};
  while (fds[1].revents == 0) {
    send_due();
    const timespec left = due_.empty() ? timespec{} : to_timespec(due_.front().time - clock_now());
    const int count = ppoll(fds.data(), fds.size(), due_.empty() ? nullptr : &left, nullptr);
    if (count < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "ppoll");
    }
    if (count > 0 && fds[0].revents != 0) take();
  }
}

// All queries that have come.
void NameServer::take() {
  std::array<std::byte, dns::kDatagram_bytes_max> query;
  while (true) {
    SocketAddress peer{Address{}};
    peer.size = sizeof peer.ipv6;
    const ssize_t size =
        ::recvfrom(fd_.get(), query.data(), query.size(), 0, &peer.generic, &peer.size);
    if (size < 0) return;
    if (due_.size() >= kWaiting_max) continue;
    auto answer = zone_.answer(ConstBytes(query).first(static_cast<std::size_t>(size)));
    if (!answer.empty()) due_.push_back({clock_now() + delay_ns_, peer, std::move(answer)});
    if (delay_ns_ == 0) send_due();
  }
}

// What cannot be sent is lost, as datagrams are.
void NameServer::send_due() {
  while (!due_.empty() && due_.front().time <= clock_now()) {
    const Due& due = due_.front();
    static_cast<void>(::sendto(fd_.get(), due.answer.data(), due.answer.size(), MSG_NOSIGNAL,
                               &due.peer.generic, due.peer.size));
    due_.pop_front();
  }
}

}  // namespace zyphos::fetch
