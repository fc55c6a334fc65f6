// Mix: which of the listed requests is the next. One per thread; the threads together take the list
// in order, or by its weights. Not thread-safe; allocates nothing after construction.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "load/options.h"

namespace zyphos {

class Mix {
 public:
  // `thread` < threads_of_load(options).
  Mix(const LoadOptions& options, unsigned thread, const Random& random);

  // Position in options.requests; 0 where there is no list.
  std::uint32_t current() const { return current_; }
  void next() {
    if (requests_ > 1) choose();
  }

 private:
  // In order: as the arrivals of laws that give each its place are dealt out, thread by thread. By
  // weight: O(log requests).
  void choose();

  std::uint32_t requests_;
  std::uint32_t step_;         // in order; 0: by weight
  std::vector<double> up_to_;  // sums of the weights
  std::uint32_t current_ = 0;
  Random random_;
};

}  // namespace zyphos
