#include "metrics/histogram.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

namespace zyphos {

Histogram::Histogram()
    // calloc: pages that no observation touches are never made resident.
    : counts_(static_cast<std::uint64_t*>(std::calloc(kBuckets, sizeof(std::uint64_t)))) {
  if (!counts_) throw std::bad_alloc();
}

Histogram::Histogram(const Histogram& other) : Histogram() { add(other); }

Histogram& Histogram::operator=(Histogram other) noexcept {
  std::swap(counts_, other.counts_);
  count_ = other.count_;
  saturated_ = other.saturated_;
  min_ns_ = other.min_ns_;
  max_ns_ = other.max_ns_;
  return *this;
}

void Histogram::add(const Histogram& other) {
  if (other.count_ == 0) return;
  const std::size_t last = index(std::min(other.max_ns_, kHighest_ns));
  for (std::size_t i = index(std::min(other.min_ns_, kHighest_ns)); i <= last; ++i) {
    if (other.counts_[i] != 0) counts_[i] += other.counts_[i];
  }
  count_ += other.count_;
  saturated_ += other.saturated_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram out;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t count = counts_[i] - earlier.counts_[i];
    if (count != 0) out.record(lowest_at(i) + (highest_at(i) - lowest_at(i)) / 2, count);
  }
  return out;
}

void Histogram::reset() { *this = Histogram(); }

std::int64_t Histogram::lowest_at(std::size_t position) {
  if (position < 2048) return static_cast<std::int64_t>(position);
  const std::size_t bucket = position / 1024 - 1;
  return static_cast<std::int64_t>((position % 1024 + 1024) << bucket);
}

std::int64_t Histogram::highest_at(std::size_t position) { return lowest_at(position + 1) - 1; }

double Histogram::mean_ns() const {
  if (count_ == 0) return 0.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i] == 0) continue;
    // HdrHistogram's "median equivalent": lowest + half the width.
    const std::int64_t lowest = lowest_at(i);
    const std::int64_t middle = lowest + (lowest_at(i + 1) - lowest) / 2;
    sum += static_cast<double>(middle) * static_cast<double>(counts_[i]);
  }
  return sum / static_cast<double>(count_);
}

std::int64_t Histogram::quantile_ns(double q) const {
  if (count_ == 0) return 0;
  q = std::clamp(q, 0.0, 1.0);
  // Down by one unit in the last place first, so that 0.9 of 10 is the 9th and not, by rounding,
  // the 10th.
  const double rank = std::nextafter(q * static_cast<double>(count_), 0.0);
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(rank)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= wanted) return q == 0.0 ? lowest_at(i) : highest_at(i);
  }
  return highest_at(kBuckets - 1);
}

}  // namespace zyphos
