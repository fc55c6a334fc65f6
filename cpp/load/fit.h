// Fit: how far what was sent lies from the declared law of arrivals, as the Kolmogorov-Smirnov
// distance, at 4096 points: O(1) a send, no storage per request, and threads merge by adding.
//
//   Poisson (also of sessions): each thread's distance from one send to the next, mapped through
//   the exponential distribution of the declared rate, is uniform on [0, 1): the largest difference
//   between the two distributions.
//   All others have a fixed place for each arrival: how many were sent by each of 4096 moments of
//   the window against how many the law has declared by then (its cumulative intensity; of a trace:
//   the file's own count), as a share of all. So a wrong rate shows as well as a wrong shape. A
//   send may be late by one such moment, because many may be due at the very same time. On-off, as
//   well: the sends of all cycles laid over each other; 1 arrival of a cycle may be anywhere.
// A thread sends one request after the other, so that no two are nearer than a send takes, whatever
// the law: of a Poisson law at 50,000/s a fifth would be. `resolved` is the distance as far as
// times moved by up to kSend_ns do not explain it: the band of the Levy metric in place of one
// line. Of n observations that follow the law, the distance stays below 1.36 / sqrt(n) in 95 of 100
// cases: with few requests it is noise. How late single sends are is schedule_lag's to tell. Not
// thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "load/intensity.h"
#include "load/options.h"
#include "load/window.h"

namespace zyphos {

class Fit {
 public:
  static constexpr std::int64_t kSend_ns = 5 * kMicrosecond_ns;  // measured: 3.7 to 4.8 us

  Fit(const ArrivalOptions& arrival, unsigned threads) : arrival_(arrival), threads_(threads) {}

  // Before the first send.
  void window(Window window);
  // A request was sent (of a session: its first); sends of a thread come in order.
  void sent(Time time);
  // Of another thread of the same load.
  void add(const Fit& other);
  // All that was observed, for a Fit of the same load in another process, which add()s it.
  std::vector<std::uint64_t> observations() const;
  // false: these are no observations.
  [[nodiscard]] bool add(std::span<const std::uint64_t> observations);
  // How many observations the distance is of.
  std::uint64_t observed() const { return count_; }
  // Of what was sent before `end`, which is in the window or at its end. Empty for the closed law
  // and when nothing was sent.
  std::optional<double> distance(Time end) const;
  std::optional<double> resolved(Time end) const;

 private:
  static constexpr std::size_t kBins = 4096;
  using Bins = std::array<std::uint64_t, kBins>;

  bool drawn() const { return arrival_.law == Law::poisson || arrival_.law == Law::partly_open; }
  std::size_t bin(double share) const;
  double drawn_distance(std::int64_t moved_ns) const;
  double dealt_distance(const Intensity& law, Time end) const;
  double cycle_distance(const Intensity& law) const;

  ArrivalOptions arrival_;
  unsigned threads_;
  Window window_{};
  std::int64_t cycle_ns_ = 0;   // on-off
  std::int64_t cycles_ns_ = 0;  // on-off: the window's whole cycles
  Time last_ = Time::never();
  std::uint64_t count_ = 0;
  Bins bins_{};                    // drawn: of the transformed distances; else of the window
  std::uint64_t cycle_count_ = 0;  // on-off: of sends in whole cycles
  Bins cycle_bins_{};
};

}  // namespace zyphos
