#include "link/emulator.h"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "net/clock.h"

namespace zyphos::link {
namespace {

constexpr std::uint64_t kTurnsPerLook = 256;  // a busy loop looks so often whether it is to stop
constexpr std::size_t kPrepared_bytes = std::size_t{16} << 20;

// A byte more than the MTU, so that a larger packet shows.
std::size_t length_max(const EmulatorOptions& options) { return options.mtu + std::size_t{1}; }

std::size_t packets_of(std::size_t memory_bytes, const EmulatorOptions& options) {
  return std::max<std::size_t>(1, memory_bytes / (sizeof(Packet) + length_max(options)));
}

// A path without an MTU of its own has the link's.
PathOptions with_mtu(PathOptions path, std::uint32_t mtu) {
  if (path.mtu == 0) path.mtu = mtu;
  return path;
}

Random random_of(std::uint64_t seed, Direction direction) {
  Random random(seed);
  const Random forward = random.split();
  return direction == Direction::forward ? forward : random.split();
}

Path path_of(const EmulatorOptions& options, PacketPool& pool, Tally tally, Direction direction) {
  const PathOptions& path = direction == Direction::forward ? options.forward : options.backward;
  return {with_mtu(path, options.mtu), pool, tally, random_of(options.seed, direction),
          clock_now()};
}

}  // namespace

Emulator::Emulator(const EmulatorOptions& options, const Tun& left, const Tun& right,
                   LinkBoard& board)
    : options_(options),
      pool_(length_max(options), packets_of(options.memory_bytes, options)),
      ways_{make(left, right, board, Direction::forward),
            make(right, left, board, Direction::backward)} {
  pool_.prepare(packets_of(std::min(kPrepared_bytes, options.memory_bytes), options));
}

Emulator::Way Emulator::make(const Tun& from, const Tun& to, LinkBoard& board,
                             Direction direction) {
  const Tally tally(board.counters(), direction);
  return {from,
          to,
          path_of(options_, pool_, tally, direction),
          tally,
          board.late_ns(direction, Stage::written),
          board.late_ns(direction, Stage::handed)};
}

void Emulator::run(std::array<int, 2> stop_fds) {
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  for (bool stopped = false; !stopped;) {
    const int moved = turn();
    ++totals_.turns;
    const Time wake = options_.poll ? Time{} : next() + -kEarly_ns;
    if (moved == 0 && clock_now() < wake) {
      ++totals_.sleeps;
      stopped = wait(wake, stop_fds);
    } else if (totals_.turns % kTurnsPerLook == 0) {
      stopped = wait(Time{}, stop_fds);
    }
  }
}

int Emulator::turn() {
  int moved = 0;
  const Time now = clock_now();
  for (Way& way : ways_) moved += deliver(way, now);
  for (Way& way : ways_) moved += receive(way);
  return moved;
}

Time Emulator::next() const { return std::min(ways_[0].path.next(), ways_[1].path.next()); }

// What comes due meanwhile, in either direction, is not kept waiting.
int Emulator::receive(Way& way) {
  int count = 0;
  for (; count < kTurn; ++count) {
    const Time now = receive_one(way);
    if (now.is_never()) break;
    if (next() <= now) {
      for (Way& each : ways_) deliver(each, now);
    }
  }
  return count;
}

Time Emulator::receive_one(Way& way) {
  Packet* packet = pool_.take();
  std::byte beyond{};  // where the pool is empty the packet is taken off and counted
  const Bytes room =
      packet == nullptr ? Bytes(&beyond, 1) : Bytes(packet->data(), length_max(options_));
  const long got = way.from.read(room);
  if (got <= 0) {
    const int error = errno;
    if (packet != nullptr) pool_.give(packet);
    if (got == 0) return Time::never();
    throw std::system_error(error, std::generic_category(),
                            "the interface " + way.from.name() + " is gone");
  }
  const Time now = clock_now();
  if (packet == nullptr) {
    way.path.refuse(static_cast<std::size_t>(got));
    return now;
  }
  packet->length = static_cast<std::uint32_t>(got);
  way.path.admit(packet, now);
  return now;
}

// `now` is at most a few writes old: each write gives a newer one.
int Emulator::deliver(Way& way, Time now) {
  int count = 0;
  for (; count < kTurn; ++count) {
    Packet* packet = way.path.depart(now);
    if (packet == nullptr) break;
    way.handed_late_ns.record(clock_now() - packet->due);
    const bool taken = way.to.write(packet->bytes());
    now = clock_now();
    way.late_ns.record(now - packet->due);
    way.tally.add(taken ? LinkCounter::delivered_packets : LinkCounter::write_failed);
    if (taken) way.tally.add(LinkCounter::delivered_bytes, packet->length);
    pool_.give(packet);
  }
  return count;
}

bool Emulator::wait(Time until, std::array<int, 2> stop_fds) {
  std::array<pollfd, 4> fds{pollfd{ways_[0].from.fd(), POLLIN, 0},
                            pollfd{ways_[1].from.fd(), POLLIN, 0}, pollfd{stop_fds[0], POLLIN, 0},
                            pollfd{stop_fds[1], POLLIN, 0}};
  const timespec left = to_timespec(until.is_never() ? 0 : until - clock_now());
  const int ready = ppoll(fds.data(), fds.size(), until.is_never() ? nullptr : &left, nullptr);
  return ready > 0 && (fds[2].revents != 0 || fds[3].revents != 0);
}

}  // namespace zyphos::link
