#include "link/loss.h"

#include <algorithm>

namespace zyphos::link {

Loss::Loss(const PathOptions& options, Random random)
    : law_(options.loss_law),
      share_(options.loss),
      to_bad_(options.loss_p),
      to_good_(options.loss_r),
      in_good_(options.loss_good),
      in_bad_(options.loss_bad),
      indices_(options.loss_indices.begin(), options.loss_indices.end()),
      random_(random) {
  std::ranges::sort(indices_);
}

bool Loss::loses(std::uint64_t number) {
  switch (law_) {
    case LossLaw::random: return chance(share_);
    case LossLaw::gilbert_elliott: return by_state();
    case LossLaw::index: return by_index(number);
  }
  return false;
}

bool Loss::by_state() {
  const bool lost = chance(bad_ ? in_bad_ : in_good_);
  if (chance(bad_ ? to_good_ : to_bad_)) bad_ = !bad_;
  return lost;
}

bool Loss::by_index(std::uint64_t number) {
  while (next_index_ < indices_.size() && indices_[next_index_] < number) ++next_index_;
  return next_index_ < indices_.size() && indices_[next_index_] == number;
}

}  // namespace zyphos::link
