// RED: drops arriving packets with a probability that grows with the queue's average length (Floyd
// and Jacobson, 1993, figure 2; RFC 2309). Time is an argument.
//
//   average < min          every packet waits
//   min <= average < max   one in so many is marked or dropped, at even distances (section 7)
//   max <= average         every packet is dropped, also what could be marked (RFC 7567, 4.2.1)
//
// The average is that of packets which wait, over arrivals: each moves it by `weight` of the way.
// Where it finds none waiting it falls as if so many small steps had been made as packets could
// have been sent meanwhile.
//
// Thread safety: none. Deterministic from the Random it is given. O(1) a packet.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "link/options.h"
#include "link/queue.h"
#include "link/verdict.h"

namespace zyphos::link {

class Red {
 public:
  // `options` with a rate or a trace. Nothing waits at `start`.
  Red(const PathOptions& options, Time start, Random random);

  // Of a packet that finds `queue`. Times never go back.
  Verdict arrives(const Queue& queue, Time now);
  // A packet has left `queue`, of which it is no longer part.
  void leaves(const Queue& queue, Time now);

  double average_packets() const { return average_; }

 private:
  void move_average(const Queue& queue, Time now);

  double min_;
  double max_;
  double probability_;  // at max
  double weight_;
  double packet_ns_;  // to send one of the MTU
  double average_ = 0.0;
  Time none_since_;          // none waits; meaningless while one does
  std::int64_t since_ = -1;  // packets since the last that was refused; -1: below min
  Random random_;
};

}  // namespace zyphos::link
