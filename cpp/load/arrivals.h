// Arrivals: the absolute schedule of one thread under an open law. The threads' schedules together
// have exactly the asked rate: constant arrivals are dealt out in turn, and the union of
// independent Poisson processes is one with the sum of their rates. Knows nothing of connections or
// of how late anything is.
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "load/options.h"

namespace zyphos {

class Arrivals {
 public:
  // `law` is not closed; `thread` < `threads`; `random` is this thread's own.
  Arrivals(const ArrivalOptions& options, unsigned thread, unsigned threads, const Random& random);

  // All arrivals are at or after `start`. Before the first next().
  void start(Time start);
  // Never before the one returned last. Poisson arrivals are drawn from the seed, whatever happened
  // in between.
  Time next();

 private:
  bool constant_;
  double rate_per_second_;  // of all threads
  unsigned thread_;
  unsigned threads_;
  double offset_ns_ = 0.0;
  std::uint64_t count_ = 0;
  Time start_{};
  Random random_;
};

}  // namespace zyphos
