#include "load/intensity.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace zyphos {
namespace {

// Nearer than this to a whole cycle, rounding decides on which side of the pause an arrival falls:
// it opens the next cycle.
constexpr double kRounding = 1e-9;

}  // namespace

Intensity::Intensity(const ArrivalOptions& arrival, std::int64_t window_ns)
    : law_(arrival.law),
      per_ns_(arrival.rate_per_second / 1e9),
      window_ns_(static_cast<double>(std::max<std::int64_t>(1, window_ns))) {
  ZY_CHECK(law_ != Law::closed);
  switch (law_) {
    case Law::on_off:
      cycle_ns_ = arrival.on_ns + arrival.off_ns;
      on_ns_ = static_cast<double>(arrival.on_ns);
      cycle_count_ = per_ns_ * static_cast<double>(cycle_ns_);
      per_ns_ = cycle_count_ / on_ns_;
      break;
    case Law::ramp:
      per_ns_ = arrival.from_per_second / 1e9;
      to_per_ns_ = arrival.to_per_second / 1e9;
      break;
    case Law::trace:
      trace_ = arrival.trace;
      cycle_ns_ = arrival.period_ns > 0 ? arrival.period_ns : trace_->natural_period_ns();
      cycle_count_ = static_cast<double>(trace_->offsets_ns.size());
      break;
    default: break;
  }
}

double Intensity::count(double offset_ns) const {
  switch (law_) {
    case Law::on_off: {
      const double cycle = std::floor(offset_ns / static_cast<double>(cycle_ns_));
      const double phase_ns = offset_ns - cycle * static_cast<double>(cycle_ns_);
      return cycle * cycle_count_ + std::min(phase_ns, on_ns_) * per_ns_;
    }
    case Law::ramp: return ramp_count(offset_ns);
    case Law::trace: return trace_count(offset_ns);
    default: return offset_ns * per_ns_;
  }
}

double Intensity::uneven_offset_ns(std::int64_t k) const {
  switch (law_) {
    case Law::on_off: return on_off_offset_ns(static_cast<double>(k));
    case Law::ramp: return ramp_offset_ns(static_cast<double>(k));
    case Law::trace: return trace_offset_ns(k);
    default: return static_cast<double>(k) / per_ns_;
  }
}

double Intensity::on_off_offset_ns(double k) const {
  double cycle = std::floor(k / cycle_count_);
  double rest = std::max(0.0, k - cycle * cycle_count_);
  if (cycle_count_ - rest < kRounding * cycle_count_) {
    cycle += 1.0;
    rest = 0.0;
  }
  return cycle * static_cast<double>(cycle_ns_) + rest / per_ns_;
}

double Intensity::ramp_count(double offset_ns) const {
  if (offset_ns <= 0.0) return offset_ns * per_ns_;
  const double within_ns = std::min(offset_ns, window_ns_);
  const double growth = (to_per_ns_ - per_ns_) / window_ns_;
  return within_ns * (per_ns_ + growth * within_ns / 2) + (offset_ns - within_ns) * to_per_ns_;
}

double Intensity::ramp_offset_ns(double k) const {
  if (k <= 0.0) return k / per_ns_;
  const double whole = ramp_count(window_ns_);
  if (k >= whole) return window_ns_ + (k - whole) / to_per_ns_;
  // The root of growth/2 t^2 + from t = k that stays exact as growth goes to zero.
  const double growth = (to_per_ns_ - per_ns_) / window_ns_;
  return 2 * k / (per_ns_ + std::sqrt(per_ns_ * per_ns_ + 2 * growth * k));
}

double Intensity::trace_count(double offset_ns) const {
  const double cycle = std::floor(offset_ns / static_cast<double>(cycle_ns_));
  const double phase_ns = offset_ns - cycle * static_cast<double>(cycle_ns_);
  const auto before = std::ranges::lower_bound(
      trace_->offsets_ns, phase_ns, {}, [](std::int64_t t) { return static_cast<double>(t); });
  return cycle * cycle_count_ + static_cast<double>(before - trace_->offsets_ns.begin());
}

double Intensity::trace_offset_ns(std::int64_t k) const {
  const auto arrivals = static_cast<std::int64_t>(trace_->offsets_ns.size());
  std::int64_t cycle = k / arrivals;
  if (k % arrivals < 0) cycle -= 1;
  const auto place = static_cast<std::size_t>(k - cycle * arrivals);
  return static_cast<double>(cycle * cycle_ns_ + trace_->offsets_ns[place]);
}

}  // namespace zyphos
