// Intensity: how many arrivals an open law has declared up to a moment, and the other way round:
// when the k-th is due. Offsets are from the window's start (negative in the warm-up); arrival 0 is
// the first at or after it. Exact; knows no threads, no randomness and no clock.
//
//   constant  k / rate.
//   on-off    rate * (on + off) / on while on; a cycle begins at offset 0.
//   ramp      a rate that goes evenly from `from` to `to` over the window, and stays as it is at
//             either end outside of it: the count is a parabola.
//   trace     as listed, repeated with its period in both directions.
// For Poisson arrivals (also of sessions) it is the expected count.
#pragma once

#include <cstdint>
#include <memory>

#include "load/options.h"

namespace zyphos {

class Intensity {
 public:
  // `arrival` is an open law without complaint.
  Intensity(const ArrivalOptions& arrival, std::int64_t window_ns);

  // Arrivals in [0, offset_ns), negative for those before 0. O(1); a trace: O(log arrivals).
  double count(double offset_ns) const;
  // When arrival `k` is due. O(1), no allocation.
  double offset_ns(std::int64_t k) const {
    if (law_ == Law::constant) return static_cast<double>(k) / per_ns_;
    return uneven_offset_ns(k);
  }
  // The pattern repeats after so long; 0: it does not.
  std::int64_t cycle_ns() const { return law_ == Law::on_off ? cycle_ns_ : 0; }

 private:
  double uneven_offset_ns(std::int64_t k) const;
  double on_off_offset_ns(double k) const;
  double ramp_count(double offset_ns) const;
  double ramp_offset_ns(double k) const;
  double trace_count(double offset_ns) const;
  double trace_offset_ns(std::int64_t k) const;

  Law law_;
  double per_ns_ = 0.0;        // constant, Poisson; on-off: while on; ramp: before the window
  double to_per_ns_ = 0.0;     // ramp: after the window
  double window_ns_ = 0.0;     // ramp
  std::int64_t cycle_ns_ = 0;  // on-off, trace
  double on_ns_ = 0.0;
  double cycle_count_ = 0.0;  // on-off, trace: arrivals of a cycle
  std::shared_ptr<const Trace> trace_;
};

}  // namespace zyphos
