// Reorder: which packets pass the delay and so overtake those before them, as tc-netem(8)'s
// `reorder P gap N`: after N - 1 packets that were delayed each next one passes with chance P,
// until one has. Deterministic from the Random it is given.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "link/options.h"

namespace zyphos::link {

class Reorder {
 public:
  Reorder(const PathOptions& options, Random random)
      : share_(options.reorder), gap_(options.reorder_gap), random_(random) {}

  // Once for each packet.
  bool passes() {
    if (share_ <= 0) return false;
    if (delayed_ + 1 >= gap_ && random_.unit() <= share_) {
      delayed_ = 0;
      return true;
    }
    ++delayed_;
    return false;
  }

 private:
  double share_;
  std::uint64_t gap_;
  std::uint64_t delayed_ = 0;  // since one passed
  Random random_;
};

}  // namespace zyphos::link
