#include <poll.h>

#include <vector>

#include "engine/poller.h"

namespace zyphos {
namespace {

short events_of(const Watch& watch) {
  return static_cast<short>((watch.readable ? POLLIN | POLLRDHUP : 0) |
                            (watch.writable ? POLLOUT : 0));
}

// The kernel is shown all descriptors at every call, and all are looked through after it.
class PollPoller final : public Poller {
 public:
  explicit PollPoller(Counters& counters) : counters_(counters) {}

  bool add(int fd, std::uint64_t id, const Watch& watch) override {
    const auto place = static_cast<std::size_t>(fd);
    if (place >= at_.size()) at_.resize(place + 1);
    at_[place] = watched_.size();
    watched_.push_back({.fd = fd, .events = events_of(watch), .revents = 0});
    ids_.push_back(id);
    return true;
  }

  void change(int fd, std::uint64_t, const Watch& watch) override {
    watched_[at_[static_cast<std::size_t>(fd)]].events = events_of(watch);
  }

  void remove(int fd) override {
    const std::size_t hole = at_[static_cast<std::size_t>(fd)];
    at_[static_cast<std::size_t>(watched_.back().fd)] = hole;
    watched_[hole] = watched_.back();
    ids_[hole] = ids_.back();
    watched_.pop_back();
    ids_.pop_back();
  }

  std::span<const Ready> wait(int timeout_ms) override {
    const int result = ::poll(watched_.data(), watched_.size(), timeout_ms);
    const auto count = static_cast<std::size_t>(waited(result, "poll", counters_));
    ready_.clear();
    for (std::size_t i = 0; ready_.size() < count; ++i) {
      const auto events = static_cast<unsigned>(watched_[i].revents);
      if (events == 0) continue;
      ready_.push_back({.id = ids_[i],
                        .readable = (events & POLLIN) != 0,
                        .writable = (events & POLLOUT) != 0,
                        .hung_up = (events & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0});
    }
    return ready_;
  }

 private:
  Counters& counters_;
  std::vector<pollfd> watched_;
  std::vector<std::uint64_t> ids_;  // of the same places
  std::vector<std::size_t> at_;     // by descriptor: its place
  std::vector<Ready> ready_;
};

}  // namespace

std::unique_ptr<Poller> make_poll_poller(Counters& counters) {
  return std::make_unique<PollPoller>(counters);
}

}  // namespace zyphos
