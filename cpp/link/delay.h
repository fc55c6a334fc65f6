// Delay: how long each packet is under way. A constant, and around it a jitter law, drawn for each
// packet by itself. Deterministic from the Random it is given.
//
//   uniform  in [delay - jitter, delay + jitter] (as tc-netem(8) without a distribution)
//   normal   mean delay, standard deviation jitter
//   pareto   shape 3, shifted and scaled so that the mean is delay and the standard deviation
//            jitter: never below delay - 0.577 jitter, a heavy tail above
//
// A draw below 0 counts as 0 (as in netem), which raises the mean: give jitter room.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "link/options.h"

namespace zyphos::link {

class Delay {
 public:
  Delay(const PathOptions& options, Random random)
      : delay_ns_(options.delay_ns),
        jitter_ns_(options.jitter_ns),
        law_(options.jitter_law),
        random_(random) {}

  std::int64_t draw_ns();

 private:
  // In jitters from the mean.
  double offset();

  std::int64_t delay_ns_;
  std::int64_t jitter_ns_;
  JitterLaw law_;
  Random random_;
};

}  // namespace zyphos::link
