// Fit: how far what was sent lies from the declared law of arrivals, as the Kolmogorov-Smirnov
// distance.
//
// Each observation is mapped to [0, 1) so that it is uniform when the law holds (probability
// integral transform), and counted in one of 4096 bins: O(1), no storage per request, exact to
// 1/4096, and threads merge by adding.
//   constant: the time of a send as a share of the window.
//   Poisson:  the distance to the thread's send before, through the exponential distribution of the
//   declared rate.
// Of n observations that follow the law, the distance stays below 1.36 / sqrt(n) in 95 of 100
// cases: with few requests it is noise. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "load/options.h"
#include "load/window.h"

namespace zyphos {

class Fit {
 public:
  // `rate_per_second` is this thread's share.
  Fit(Law law, double rate_per_second) : law_(law), rate_per_ns_(rate_per_second / 1e9) {}

  void window(Window window) { window_ = window; }
  // A request was sent; sends of a thread come in order.
  void sent(Time time);
  void add(const Fit& other);
  // Of observations; empty for the closed law and when nothing was sent.
  std::optional<double> distance() const;

 private:
  static constexpr std::size_t kBins = 4096;

  void observe(double uniform);

  Law law_;
  double rate_per_ns_;
  Window window_{};
  Time last_ = Time::never();
  std::uint64_t count_ = 0;
  std::array<std::uint64_t, kBins> bins_{};
};

}  // namespace zyphos
