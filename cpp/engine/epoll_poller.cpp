#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "engine/poller.h"
#include "net/fd.h"

namespace zyphos {
namespace {

constexpr std::size_t kEvents = 256;  // of one wait; the kernel keeps the others for the next

std::uint32_t events_of(const Watch& watch) {
  std::uint32_t events = 0;
  // EPOLLRDHUP does not go with EPOLLEXCLUSIVE.
  if (watch.readable) events |= EPOLLIN | (watch.exclusive ? EPOLLEXCLUSIVE : EPOLLRDHUP);
  if (watch.writable) events |= EPOLLOUT;
  if (watch.trigger == Trigger::edge) events |= EPOLLET;
  if (watch.trigger == Trigger::oneshot) events |= EPOLLONESHOT;
  return events;
}

class EpollPoller final : public Poller {
 public:
  explicit EpollPoller(Counters& counters)
      : counters_(counters), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }

  bool add(int fd, std::uint64_t id, const Watch& watch) override {
    return control(EPOLL_CTL_ADD, fd, id, events_of(watch));
  }
  void change(int fd, std::uint64_t id, const Watch& watch) override {
    must(control(EPOLL_CTL_MOD, fd, id, events_of(watch)));
  }
  void remove(int fd) override { must(control(EPOLL_CTL_DEL, fd, 0, 0)); }

  std::span<const Ready> wait(int timeout_ms) override {
    const int result =
        epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
    const auto count = static_cast<std::size_t>(waited(result, "epoll_wait", counters_));
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t events = events_[i].events;
      ready_[i] = {.id = events_[i].data.u64,
                   .readable = (events & EPOLLIN) != 0,
                   .writable = (events & EPOLLOUT) != 0,
                   .hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0};
    }
    return std::span(ready_).first(count);
  }

  bool tells_edges() const override { return true; }
  bool close_removes() const override { return true; }

 private:
  bool control(int operation, int fd, std::uint64_t id, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.u64 = id}};
    counters_.add(Counter::epoll_ctl_calls);
    return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
  }
  static void must(bool done) {
    if (!done) throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }

  Counters& counters_;
  Fd epoll_;
  std::array<epoll_event, kEvents> events_;
  std::array<Ready, kEvents> ready_;
};

}  // namespace

std::unique_ptr<Poller> make_epoll_poller(Counters& counters) {
  return std::make_unique<EpollPoller>(counters);
}

}  // namespace zyphos
