#include "load/mix.h"

#include <algorithm>

namespace zyphos {

Mix::Mix(const LoadOptions& options, unsigned thread, const Random& random)
    : requests_(static_cast<std::uint32_t>(options.requests.size())),
      step_(options.in_order ? threads_of_load(options) : 0),
      random_(random) {
  double sum = 0.0;
  for (const RequestOptions& request : options.requests) up_to_.push_back(sum += request.weight);
  if (requests_ < 2) return;
  if (step_ > 0) {
    current_ = thread % requests_;
  } else {
    choose();
  }
}

void Mix::choose() {
  if (step_ > 0) {
    current_ = (current_ + step_) % requests_;
    return;
  }
  const double at = random_.unit() * up_to_.back();
  const auto found = std::ranges::lower_bound(up_to_, at);
  current_ = std::min(static_cast<std::uint32_t>(found - up_to_.begin()), requests_ - 1);
}

}  // namespace zyphos
