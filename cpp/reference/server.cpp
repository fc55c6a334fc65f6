#include "reference/server.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <sstream>
#include <system_error>

#include "base/check.h"
#include "net/clock.h"
#include "net/cpu.h"
#include "net/socket.h"
#include "net/timestamps.h"

namespace zyphos::reference {
namespace {

constexpr int kEvents = 256;
// Wakes so long before an answer is due and polls the rest of the way, where it does not poll
// anyway.
constexpr std::int64_t kSpin_ns = 150 * kMicrosecond_ns;

std::uint64_t packed(int fd, std::uint32_t generation) {
  return static_cast<std::uint64_t>(generation) << 32U | static_cast<std::uint32_t>(fd);
}

}  // namespace

Server::Server(const Options& options)
    : options_(options),
      timed_(options.timed()),
      polls_(options.polls()),
      truthful_(options.keeps_truth()),
      framing_(make_framing(options)),
      schedule_(options),
      listener_(listen_on(
          options.listen,
          {.backlog = options.backlog, .ipv6_only = options.ipv6_only, .device = options.device})),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(new std::byte[kBuffer_bytes]) {
  ZY_CHECK(framing_ != nullptr);
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  if (truthful_) {
    // The listener's keep them switched on as long as it lives.
    enable_timestamps(listener_.get());
    await_timestamps();
  }
  watch(listener_.get(), EPOLLIN, 0);
}

Address Server::address() const { return local_address(listener_.get()); }

std::string Server::truth_json() const { return truth_.to_json(Time{0}, Time::never()); }

void Server::watch(int fd, std::uint32_t events, std::uint32_t generation) {
  epoll_event event{.events = events, .data = {.u64 = packed(fd, generation)}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Server::run(int stop_fd) {
  if (!options_.cpus.empty()) pin_thread(options_.cpus);
  // The kernel may otherwise round a sleep up by 50 us.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  watch(stop_fd, EPOLLIN, 0);
  if (options_.commands_fd >= 0) watch(options_.commands_fd, EPOLLIN, 0);
  while (wait_and_handle(stop_fd)) {
  }
  // Stamps of answers that left just before.
  for (const auto& peer : peers_) {
    if (peer != nullptr && truthful_) take_stamps(*peer);
  }
}

bool Server::wait_and_handle(int stop_fd) {
  std::array<epoll_event, kEvents> events;
  if (!due_.empty()) release_due();
  const int count = wait(events.data(), kEvents);
  if (count > 0 && truthful_) ahead_ns_ = realtime_ahead_ns();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (static_cast<int>(event.data.u64 & 0xffffffffU) == stop_fd) return false;
    handle(event);
  }
  return true;
}

void Server::handle(const epoll_event& event) {
  const int fd = static_cast<int>(event.data.u64 & 0xffffffffU);
  if (fd == listener_.get()) return accept_all();
  if (fd == options_.commands_fd) return command();
  Peer* peer = peer_at(fd, static_cast<std::uint32_t>(event.data.u64 >> 32U));
  if (peer == nullptr) return;
  if ((event.events & EPOLLERR) != 0 && truthful_) take_stamps(*peer);
  if ((event.events & EPOLLOUT) != 0 && !peer->unsent.empty()) send_unsent(*peer);
  const bool hung_up = (event.events & (EPOLLRDHUP | EPOLLHUP)) != 0;
  if (hung_up || (event.events & EPOLLIN) != 0) readable(*peer, hung_up);
}

int Server::wait(epoll_event* events, int most) {
  std::int64_t sleep_ns = -1;
  if (polls_ && open_ > 0) {
    sleep_ns = 0;
  } else if (!due_.empty()) {
    sleep_ns = due_.top().time - clock_now() - kSpin_ns;
  }
  const timespec timeout = to_timespec(sleep_ns);
  const int count = epoll_pwait2(epoll_.get(), events, most,
                                 sleep_ns == -1 && due_.empty() ? nullptr : &timeout, nullptr);
  ZY_CHECK(count >= 0 || errno == EINTR);
  return count;
}

void Server::accept_all() {
  while (true) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (truthful_) enable_timestamps(fd.get());
    const auto number = static_cast<std::size_t>(fd.get());
    if (peers_.size() <= number) peers_.resize(number + 1);
    watch(fd.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, ++generation_);
    peers_[number] = std::make_unique<Peer>();
    peers_[number]->generation = generation_;
    peers_[number]->fd = std::move(fd);
    ++open_;
  }
}

Peer* Server::peer_at(int fd, std::uint32_t generation) {
  const auto number = static_cast<std::size_t>(fd);
  if (number >= peers_.size() || peers_[number] == nullptr) return nullptr;
  return peers_[number]->generation == generation ? peers_[number].get() : nullptr;
}

void Server::close(Peer& peer) {
  --open_;
  peers_[static_cast<std::size_t>(peer.fd.get())].reset();
}

void Server::command() {
  std::array<char, 256> part{};
  const ssize_t size = ::read(options_.commands_fd, part.data(), part.size());
  if (size <= 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, options_.commands_fd, nullptr);
    return;
  }
  commands_.append(part.data(), static_cast<std::size_t>(size));
  for (std::size_t end = 0; (end = commands_.find('\n')) != std::string::npos;) {
    obey(commands_.substr(0, end));
    commands_.erase(0, end + 1);
  }
}

// "stall START_NS END_NS": answers nothing in that time. "truth START_NS END_NS": a line about the
// requests that came in it. What is neither is ignored.
void Server::obey(const std::string& line) {
  std::istringstream words(line);
  std::string what;
  Time start;
  Time end;
  if (!(words >> what >> start.ns >> end.ns)) return;
  if (what == "stall") schedule_.add_stall({start, end});
  if (what != "truth") return;
  std::printf("%s\n", truth_.to_json(start, end).c_str());
  std::fflush(stdout);
}

}  // namespace zyphos::reference
