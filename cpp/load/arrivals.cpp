#include "load/arrivals.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace zyphos {

Arrivals::Arrivals(const ArrivalOptions& arrival, unsigned thread, unsigned threads,
                   const Random& random)
    : arrival_(arrival),
      drawn_(arrival.law == Law::poisson || arrival.law == Law::partly_open),
      thread_(thread),
      threads_(threads),
      intensity_(arrival, 1),
      random_(random) {
  ZY_CHECK(thread < threads);
  if (drawn_) mean_ns_ = 1e9 * threads / arrival.rate_per_second;
}

void Arrivals::start(Time start, Window window) {
  start_ = start;
  origin_ = window.start;
  offset_ns_ = 0.0;
  intensity_ = Intensity(arrival_, window.end - window.start);
  const double before = intensity_.count(static_cast<double>(start - window.start));
  index_ = static_cast<std::int64_t>(std::ceil(before));
  const std::int64_t all = threads_;
  index_ += ((thread_ - index_) % all + all) % all;
}

// From the index, not from the last one: rounding must not add up to a wrong rate. To the nearest,
// or an arrival that is due at the window's very end would slip into it.
Time Arrivals::dealt() {
  const double offset_ns = std::min(intensity_.offset_ns(index_), kFar_ns);
  index_ += threads_;
  const double half = offset_ns < 0.0 ? -0.5 : 0.5;
  return std::max(start_, origin_ + static_cast<std::int64_t>(offset_ns + half));
}

}  // namespace zyphos
