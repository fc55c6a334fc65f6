// Loss: which packets never arrive. Deterministic from the Random it is given.
//
//   random           each with the same chance, by itself (Bernoulli)
//   gilbert-elliott  two states, good and bad, each with its own chance (Gilbert, 1960; Elliott,
//                    1963; tc-netem(8) `loss gemodel p r 1-h 1-k`): first the packet's fate by the
//                    state, then the step to the next state. It begins in the good one. The share
//                    lost is (r good + p bad) / (p + r), a stay in bad is 1/r packets on average.
//   index            the packets of these numbers, the first is 1
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "link/options.h"

namespace zyphos::link {

class Loss {
 public:
  Loss(const PathOptions& options, Random random);

  // Once for each packet, in the order of their numbers 1, 2, ...
  bool loses(std::uint64_t number);

 private:
  bool chance(double share) { return share > 0 && random_.unit() <= share; }
  bool by_state();
  bool by_index(std::uint64_t number);

  LossLaw law_;
  double share_;
  double to_bad_;
  double to_good_;
  double in_good_;
  double in_bad_;
  bool bad_ = false;
  std::vector<std::uint64_t> indices_;  // ascending
  std::size_t next_index_ = 0;
  Random random_;
};

}  // namespace zyphos::link
