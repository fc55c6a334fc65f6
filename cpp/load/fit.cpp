#include "load/fit.h"

#include <algorithm>
#include <cmath>

namespace zyphos {

void Fit::sent(Time time) {
  if (law_ == Law::closed) return;
  const Time before = last_;
  last_ = time;
  if (!window_.holds(time)) return;
  if (law_ == Law::constant) {
    observe(static_cast<double>(time - window_.start) /
            static_cast<double>(window_.end - window_.start));
    return;
  }
  if (before.is_never()) return;
  observe(1.0 - std::exp(-static_cast<double>(time - before) * rate_per_ns_));
}

void Fit::observe(double uniform) {
  const auto bin = static_cast<std::size_t>(std::max(0.0, uniform) * kBins);
  ++bins_[std::min(bin, kBins - 1)];
  ++count_;
}

void Fit::add(const Fit& other) {
  for (std::size_t i = 0; i < kBins; ++i) bins_[i] += other.bins_[i];
  count_ += other.count_;
}

std::optional<double> Fit::distance() const {
  if (count_ == 0) return {};
  double worst = 0.0;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    seen += bins_[i];
    const double share = static_cast<double>(seen) / static_cast<double>(count_);
    worst = std::max(worst, std::abs(share - static_cast<double>(i + 1) / kBins));
  }
  return worst;
}

}  // namespace zyphos
