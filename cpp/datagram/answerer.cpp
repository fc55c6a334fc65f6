#include "datagram/answerer.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace zyphos::datagram {
namespace {

// Turns without anything between two looks at the stop descriptor of one that never sleeps.
constexpr unsigned kBetweenLooks = 1024;
// Turns between two questions for what was dropped.
constexpr unsigned kBetweenCounts = 1024;

}  // namespace

void TurningAnswerer::run(int stop_fd) {
  unsigned idle = 0;
  for (unsigned turns = 0;; ++turns) {
    if (turns % kBetweenCounts == 0) count_dropped();
    if (const unsigned taken = turn(); taken > 0) {
      counters_.woke(taken);
      idle = 0;
    } else if (!options_.spin || ++idle % kBetweenLooks == 0) {
      if (sleep(stop_fd)) break;
    }
  }
  count_dropped();
}

// Whether it is to stop. One that spins only looks.
bool TurningAnswerer::sleep(int stop_fd) const {
  std::array<pollfd, 2> fds{pollfd{stop_fd, POLLIN, 0}, pollfd{readable(), awaited(), 0}};
  if (::poll(fds.data(), options_.spin ? 1 : 2, options_.spin ? 0 : -1) < 0 && errno != EINTR) {
    throw std::system_error(errno, std::generic_category(), "poll");
  }
  return fds[0].revents != 0;
}

void TurningAnswerer::count_dropped() {
  const std::uint64_t now = dropped();
  counters_.add(Counter::datagrams_dropped, now - dropped_);
  dropped_ = now;
}

std::unique_ptr<Answerer> make_answerer(const AnswerOptions& options, Counters& counters) {
  switch (options.by) {
    case By::recvmsg:
    case By::recvmmsg:
    case By::gro: return make_socket_answerer(options, counters);
    case By::uring: return make_uring_answerer(options, counters);
    case By::packet: return make_packet_answerer(options, counters);
    case By::xdp: break;
  }
  return make_xdp_answerer(options, counters);
}

}  // namespace zyphos::datagram
