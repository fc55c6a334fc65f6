// Emulator: two TUN interfaces and the paths between them, in one thread. It reads what each end
// sends, asks its path when it is due, and writes it to the other end then.
//
// How it keeps time: it sleeps until kEarly_ns before the next packet is due (or one comes) and
// polls from there on, so that the kernel's own waking up (30-100 us) is over in time. What it
// misses by is in the board's histograms: due to handed over, its own part, and due to written,
// with the receiving kernel's work, which the write does on this thread. What it cannot see: how
// long a packet lay in the interface's queue before it was read (its arrival is the time of the
// read).
//
// Neither direction waits for the other: reads and writes never block, and a turn reads and writes
// at most kTurn packets of each.
#pragma once

#include <array>
#include <cstdint>

#include "base/random.h"
#include "link/board.h"
#include "link/options.h"
#include "link/packet.h"
#include "link/path.h"
#include "link/tun.h"

namespace zyphos::link {

struct EmulatorOptions {
  PathOptions forward;   // left to right
  PathOptions backward;  // right to left
  std::uint32_t mtu = 1500;
  std::uint64_t seed = 1;
  std::size_t memory_bytes = std::size_t{256} << 20;  // of packets under way, of both directions
  bool poll = false;                                  // never sleep; wants a CPU of its own
};

struct EmulatorTotals {
  std::uint64_t turns = 0;   // of the loop
  std::uint64_t sleeps = 0;  // of those that ended asleep
};

// Thread safety: none; one thread makes and runs it. No allocation per packet.
class Emulator {
 public:
  static constexpr std::int64_t kEarly_ns = 150 * kMicrosecond_ns;
  static constexpr int kTurn = 64;

  // All of them outlive it.
  Emulator(const EmulatorOptions& options, const Tun& left, const Tun& right, LinkBoard& board);

  // Until one of `stop_fds` is readable or hung up (below 0: none). std::system_error when an
  // interface is gone.
  void run(std::array<int, 2> stop_fds);
  const EmulatorTotals& totals() const { return totals_; }

 private:
  // One direction: where it reads, what happens there, where it writes.
  struct Way {
    const Tun& from;
    const Tun& to;
    Path path;
    Tally tally;
    SharedHistogram& late_ns;         // due to written
    SharedHistogram& handed_late_ns;  // due to the write's begin
  };

  Way make(const Tun& from, const Tun& to, LinkBoard& board, Direction direction);
  int turn();
  int receive(Way& way);
  // When it was read; never() when nothing was there.
  Time receive_one(Way& way);
  int deliver(Way& way, Time now);
  Time next() const;
  // Is it time to stop?
  bool wait(Time until, std::array<int, 2> stop_fds);

  EmulatorOptions options_;
  PacketPool pool_;
  std::array<Way, 2> ways_;
  EmulatorTotals totals_;
};

}  // namespace zyphos::link
