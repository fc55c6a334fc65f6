// Arrivals: the absolute schedule of one thread under an open law. The threads' schedules together
// are exactly the declared law: arrivals that have a fixed place (all laws but those with Poisson
// in them) are dealt out in turn, and the union of independent Poisson processes is one with the
// sum of their rates. Knows nothing of connections or of how late anything is.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "load/intensity.h"
#include "load/options.h"
#include "load/window.h"

namespace zyphos {

class Arrivals {
 public:
  // `law` is not closed; `thread` < `threads`; `random` is this thread's own.
  Arrivals(const ArrivalOptions& arrival, unsigned thread, unsigned threads, const Random& random);

  // All arrivals are at or after `start`, which is at or before the window's. Before the first
  // next().
  void start(Time start, Window window);
  // Never before the one returned last. Poisson arrivals are drawn from the seed, whatever happened
  // in between. Of sessions, where the law has sessions.
  Time next() {
    if (!drawn_) return dealt();
    offset_ns_ += random_.exponential(mean_ns_);
    return start_ + static_cast<std::int64_t>(std::min(offset_ns_, kFar_ns));
  }

 private:
  // Arrivals of very small rates never come: 285 years, and it fits.
  static constexpr double kFar_ns = 9e18;

  Time dealt();

  ArrivalOptions arrival_;
  bool drawn_;
  unsigned thread_;
  unsigned threads_;
  double mean_ns_ = 0.0;  // drawn: between two of this thread
  Intensity intensity_;
  double offset_ns_ = 0.0;  // drawn: of the last one, from start_
  std::int64_t index_ = 0;  // dealt: of the next one, in the whole schedule
  Time start_{};
  Time origin_{};  // of the intensity: the window's start
  Random random_;
};

}  // namespace zyphos
