#include "load/fit.h"

#include <algorithm>
#include <cmath>

namespace zyphos {

void Fit::window(Window window) {
  window_ = window;
  if (arrival_.law != Law::on_off) return;
  cycle_ns_ = arrival_.on_ns + arrival_.off_ns;
  cycles_ns_ = (window.end - window.start) / cycle_ns_ * cycle_ns_;
}

std::size_t Fit::bin(double share) const {
  return std::min(static_cast<std::size_t>(std::max(0.0, share) * kBins), kBins - 1);
}

void Fit::sent(Time time) {
  if (arrival_.law == Law::closed) return;
  const Time before = last_;
  last_ = time;
  if (!window_.holds(time)) return;
  const std::int64_t offset_ns = time - window_.start;
  if (drawn()) {
    if (before.is_never()) return;
    const double rate_per_ns = arrival_.rate_per_second / 1e9 / threads_;
    ++bins_[bin(1.0 - std::exp(-static_cast<double>(time - before) * rate_per_ns))];
  } else {
    ++bins_[bin(static_cast<double>(offset_ns) / static_cast<double>(window_.end - window_.start))];
  }
  ++count_;
  if (offset_ns < cycles_ns_) {
    const auto phase_ns = static_cast<double>(offset_ns % cycle_ns_);
    ++cycle_bins_[bin(phase_ns / static_cast<double>(cycle_ns_))];
    ++cycle_count_;
  }
}

void Fit::add(const Fit& other) {
  for (std::size_t i = 0; i < kBins; ++i) {
    bins_[i] += other.bins_[i];
    cycle_bins_[i] += other.cycle_bins_[i];
  }
  count_ += other.count_;
  cycle_count_ += other.cycle_count_;
}

std::vector<std::uint64_t> Fit::observations() const {
  std::vector<std::uint64_t> all(bins_.begin(), bins_.end());
  all.insert(all.end(), cycle_bins_.begin(), cycle_bins_.end());
  return all;
}

bool Fit::add(std::span<const std::uint64_t> observations) {
  if (observations.size() != 2 * kBins) return false;
  for (std::size_t i = 0; i < kBins; ++i) {
    bins_[i] += observations[i];
    count_ += observations[i];
    cycle_bins_[i] += observations[kBins + i];
    cycle_count_ += observations[kBins + i];
  }
  return true;
}

std::optional<double> Fit::distance(Time end) const {
  if (count_ == 0) return {};
  if (drawn()) return drawn_distance(0);
  const Intensity law(arrival_, window_.end - window_.start);
  const double distance = dealt_distance(law, end);
  if (cycle_count_ == 0 || end < window_.end) return distance;
  return std::max(distance, cycle_distance(law));
}

std::optional<double> Fit::resolved(Time end) const {
  if (count_ > 0 && drawn()) return drawn_distance(kSend_ns);
  return distance(end);  // a fixed place for each has its slack already
}

// u = 1 - exp(-rate t) of times moved by `moved_ns`: 1 - (1 - u) exp(+-rate moved).
double Fit::drawn_distance(std::int64_t moved_ns) const {
  const double rate_per_ns = arrival_.rate_per_second / 1e9 / threads_;
  const double shrink = std::exp(-static_cast<double>(moved_ns) * rate_per_ns);
  double worst = 0.0;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    seen += bins_[i];
    const double share = static_cast<double>(seen) / static_cast<double>(count_);
    const double longer = 1.0 - static_cast<double>(i + 1) / kBins;
    const double most = 1.0 - longer * shrink;
    const double least = std::max(0.0, 1.0 - longer / shrink);
    worst = std::max({worst, share - most, least - share});
  }
  return worst;
}

double Fit::dealt_distance(const Intensity& law, Time end) const {
  const double step_ns = static_cast<double>(window_.end - window_.start) / kBins;
  const Time last = std::clamp(end, window_.start, window_.end);
  const auto measured_ns = static_cast<double>(last - window_.start);
  const auto steps = static_cast<std::size_t>(measured_ns / step_ns + 0.5);
  double worst = 0.0;
  double seen = 0.0;
  double before = 0.0;
  double due = law.count(std::min(1.0, static_cast<double>(steps)) * step_ns);
  for (std::size_t i = 1; i <= steps; ++i) {
    seen += static_cast<double>(bins_[i - 1]);
    const double after = law.count(static_cast<double>(std::min(i + 1, steps)) * step_ns);
    worst = std::max({worst, before - seen, seen - after});
    before = due;
    due = after;
  }
  const double all = std::max(due, seen);
  return all > 0.0 ? worst / all : 0.0;
}

double Fit::cycle_distance(const Intensity& law) const {
  const double step_ns = static_cast<double>(cycle_ns_) / kBins;
  const double whole = law.count(static_cast<double>(cycle_ns_));
  double worst = 0.0;
  double seen = 0.0;
  for (std::size_t i = 1; i <= kBins; ++i) {
    seen += static_cast<double>(cycle_bins_[i - 1]) / static_cast<double>(cycle_count_);
    // At the cycle's very end the next one's first arrival would count.
    const double due = i == kBins ? 1.0 : law.count(static_cast<double>(i) * step_ns) / whole;
    worst = std::max(worst, std::abs(seen - due));
  }
  return std::max(0.0, worst - 1.0 / whole);
}

}  // namespace zyphos
