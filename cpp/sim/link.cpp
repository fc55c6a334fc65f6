#include "sim/link.h"

#include <algorithm>

namespace zyphos::sim {

Time Link::send(std::size_t bytes, Time now, Random& random) {
  in_flight_ += bytes;
  free_ = std::max(free_, now);
  if (options_->rate_bytes_per_second > 0) {
    free_ = free_ + static_cast<std::int64_t>(bytes * kSecond_ns / options_->rate_bytes_per_second);
  }
  Time arrival = free_ + options_->delay_ns;
  if (options_->jitter_ns > 0) {
    const auto bound = static_cast<std::uint64_t>(options_->jitter_ns);
    arrival = arrival + static_cast<std::int64_t>(random.below(bound));
  }
  while (options_->loss > 0 && random.unit() <= options_->loss) {
    arrival = arrival + options_->retransmit_ns;
  }
  last_ = std::max(last_, arrival);
  return last_;
}

}  // namespace zyphos::sim
