#include <sys/select.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <vector>

#include "engine/poller.h"

namespace zyphos {
namespace {

// A set as whole words, so that 64 descriptors of which none is ready are one comparison.
using Words = std::array<std::uint64_t, FD_SETSIZE / 64>;
static_assert(sizeof(Words) == sizeof(fd_set));

constexpr std::uint64_t bit(int fd) { return std::uint64_t{1} << (fd % 64); }

void put(Words& set, int fd, bool in) {
  std::uint64_t& word = set[static_cast<std::size_t>(fd) / 64];
  word = in ? word | bit(fd) : word & ~bit(fd);
}

// The kernel is shown all sets at every call, up to the highest descriptor. It writes what is ready
// over them, so that they are copied first.
class SelectPoller final : public Poller {
 public:
  explicit SelectPoller(Counters& counters) : counters_(counters) {}

  // A higher descriptor would be written behind the set.
  int descriptors_end() const override { return FD_SETSIZE; }

  bool add(int fd, std::uint64_t id, const Watch& watch) override {
    if (fd >= FD_SETSIZE) {
      errno = EMFILE;
      return false;
    }
    ids_[static_cast<std::size_t>(fd)] = id;
    end_ = std::max(end_, fd + 1);
    change(fd, id, watch);
    return true;
  }

  void change(int fd, std::uint64_t, const Watch& watch) override {
    put(read_, fd, watch.readable);
    put(write_, fd, watch.writable);
  }

  void remove(int fd) override {
    change(fd, 0, {});
    while (end_ > 0 && !watched(end_ - 1)) --end_;
  }

  std::span<const Ready> wait(int timeout_ms) override {
    fd_set read = std::bit_cast<fd_set>(read_);
    fd_set write = std::bit_cast<fd_set>(write_);
    timeval limit{.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    const int result = ::select(end_, &read, &write, nullptr, timeout_ms < 0 ? nullptr : &limit);
    ready_.clear();
    // After a signal the sets say nothing.
    if (waited(result, "select", counters_) > 0) {
      gather(std::bit_cast<Words>(read), std::bit_cast<Words>(write));
    }
    return ready_;
  }

 private:
  bool watched(int fd) const {
    const auto word = static_cast<std::size_t>(fd) / 64;
    return ((read_[word] | write_[word]) & bit(fd)) != 0;
  }

  void gather(const Words& read, const Words& write) {
    for (std::size_t word = 0; word * 64 < static_cast<std::size_t>(end_); ++word) {
      for (std::uint64_t left = read[word] | write[word]; left != 0; left &= left - 1) {
        const int at = std::countr_zero(left);
        ready_.push_back({.id = ids_[word * 64 + static_cast<std::size_t>(at)],
                          .readable = (read[word] & bit(at)) != 0,
                          .writable = (write[word] & bit(at)) != 0});
      }
    }
  }

  Counters& counters_;
  Words read_{};
  Words write_{};
  int end_ = 0;  // one more than the highest descriptor watched
  std::array<std::uint64_t, FD_SETSIZE> ids_{};
  std::vector<Ready> ready_;
};

}  // namespace

std::unique_ptr<Poller> make_select_poller(Counters& counters) {
  return std::make_unique<SelectPoller>(counters);
}

}  // namespace zyphos
