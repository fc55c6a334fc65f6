#include "load/arrivals.h"

#include "base/check.h"

namespace zyphos {

Arrivals::Arrivals(const ArrivalOptions& options, unsigned thread, unsigned threads,
                   const Random& random)
    : constant_(options.law == Law::constant),
      rate_per_second_(options.rate_per_second),
      thread_(thread),
      threads_(threads),
      random_(random) {
  ZY_CHECK(options.law != Law::closed && options.rate_per_second > 0.0 && thread < threads);
}

void Arrivals::start(Time start) {
  start_ = start;
  count_ = 0;
  offset_ns_ = 0.0;
}

Time Arrivals::next() {
  if (constant_) {
    // From the count, not from the last one: rounding must not add up to a wrong rate.
    const auto index = static_cast<double>(count_++ * threads_ + thread_);
    offset_ns_ = 1e9 * index / rate_per_second_;
  } else {
    offset_ns_ += random_.exponential(1e9 * threads_ / rate_per_second_);
  }
  return start_ + static_cast<std::int64_t>(offset_ns_);
}

}  // namespace zyphos
