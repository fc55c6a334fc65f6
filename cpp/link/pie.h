// PIE: drops arriving packets with a probability that a controller sets from the queue's latency
// and its trend, every `period` (RFC 8033, 4). Time is an argument; the periods that have passed
// are caught up with at each call, so that nothing has to wake up for them.
//
// Latency is measured by timestamps when packets leave (4.3). Of the optional elements it has ECN
// (5.1), de-randomisation (5.4) and the cap on a step (5.5); it is never switched off (5.3).
//
// Thread safety: none. Deterministic from the Random it is given. O(1) a packet; after silence
// O(periods) until the probability is back at 0, some hundreds.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "link/options.h"
#include "link/packet.h"
#include "link/queue.h"
#include "link/verdict.h"

namespace zyphos::link {

class Pie {
 public:
  // Two packets of `packet_bytes_max` may always wait. The first period begins at `start`.
  Pie(const PathOptions& options, std::uint32_t packet_bytes_max, Time start, Random random);

  // Of a packet that finds `queue`. Times never go back.
  Verdict arrives(const Queue& queue, Time now);
  // A packet has left `queue`, of which it is no longer part.
  void leaves(const Packet& packet, const Queue& queue, Time now);

  double probability() const { return probability_; }

 private:
  void catch_up(Time now);
  // RFC 8033, 4.2 and 4.4: once a period.
  void update();
  // RFC 8033, 4.1 and 5.4.
  bool drops_early(const Queue& queue);
  bool at_rest() const;

  std::int64_t target_ns_;
  std::int64_t period_ns_;
  std::int64_t burst_most_ns_;
  std::uint64_t always_bytes_;
  Time next_update_;
  std::int64_t latency_ns_ = 0;      // of the latest packet that left; 0 when none waits
  std::int64_t latency_old_ns_ = 0;  // a period ago
  std::int64_t burst_ns_;            // so long nothing is dropped
  double probability_ = 0.0;
  double accumulated_ = 0.0;  // since the last drop
  Random random_;
};

}  // namespace zyphos::link
