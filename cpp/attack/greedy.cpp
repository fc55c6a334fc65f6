#include "attack/greedy.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include "base/address.h"
#include "net/clock.h"
#include "net/fd.h"
#include "net/socket.h"

namespace zyphos::attack {
namespace {

constexpr std::size_t kRequest_bytes = 1024;
constexpr std::size_t kBatch = 64;  // requests of one send
constexpr std::int64_t kConnect_ns = 5 * kSecond_ns;
constexpr std::int64_t kFinish_ns = kSecond_ns;

std::string request(const std::string& host) {
  std::string text = "GET / HTTP/1.1\r\nHost: " + host + "\r\nX-More: ";
  text.append(kRequest_bytes - text.size() - 4, '.');
  return text + "\r\n\r\n";
}

class Greedy {
 public:
  Greedy(const Options& options, int stop_fd)
      : options_(options),
        stop_fd_(stop_fd),
        start_{options.start_ns},
        end_{options.start_ns + options.for_ns},
        fd_(connect_to(*Address::parse(options.address, options.port), {}, kConnect_ns)) {
    set_blocking(fd_.get(), false);
    const std::string one = request(options.address);
    for (std::size_t i = 0; i < kBatch; ++i) batch_ += one;
  }

  Done run() {
    if (stopped(start_, stop_fd_)) return {};
    bool open = true;
    while (open && clock_now() < end_ && wait()) {
      open = take_answers();
      if (open) ask();
    }
    finish(open);
    return {.sent = bytes_ / kRequest_bytes};
  }

 private:
  // Bytes that may have been sent by now.
  std::uint64_t allowed() const {
    const double since_s = static_cast<double>(std::min(clock_now(), end_) - start_) / 1e9;
    return static_cast<std::uint64_t>(options_.rate * since_s) * kRequest_bytes;
  }

  // Until something is to be done, a millisecond at most. False: it is to stop.
  bool wait() const {
    const bool behind = clock_now() < end_ && bytes_ < allowed();
    const auto events = static_cast<short>(behind ? POLLIN | POLLOUT : POLLIN);
    std::array<pollfd, 2> fds{pollfd{.fd = stop_fd_, .events = POLLIN, .revents = 0},
                              pollfd{.fd = fd_.get(), .events = events, .revents = 0}};
    return ::poll(fds.data(), fds.size(), 1) >= 0 && fds[0].revents == 0;
  }

  // False: the server has ended it.
  bool take_answers() {
    ssize_t size = 0;
    do {
      size = ::recv(fd_.get(), answers_.data(), answers_.size(), 0);
    } while (size > 0);
    return size < 0 && errno == EAGAIN;
  }

  void ask() {
    const std::uint64_t most = allowed();
    while (bytes_ < most) {
      const std::size_t at = bytes_ % batch_.size();
      const std::size_t size = std::min<std::uint64_t>(batch_.size() - at, most - bytes_);
      const ssize_t sent = ::send(fd_.get(), batch_.data() + at, size, MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes_ += static_cast<std::uint64_t>(sent);
    }
  }

  // What is still to be answered is taken, or the close would be a reset.
  void finish(bool open) {
    ::shutdown(fd_.get(), SHUT_WR);
    const Time until = clock_now() + kFinish_ns;
    while (open && clock_now() < until && wait()) open = take_answers();
  }

  const Options& options_;
  int stop_fd_;
  Time start_;
  Time end_;
  Fd fd_;
  std::string batch_;
  std::vector<char> answers_ = std::vector<char>(std::size_t{64} * 1024);
  std::uint64_t bytes_ = 0;  // sent
};

}  // namespace

Done be_greedy(const Options& options, int stop_fd) { return Greedy(options, stop_fd).run(); }

}  // namespace zyphos::attack
