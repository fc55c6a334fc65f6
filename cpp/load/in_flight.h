// InFlight: how many requests are under way, integrated over the window as it changes, and what the
// requests that ended within it add up to: the two sides of Little's law, L = lambda W.
//
// A request is under way from its *scheduled* moment (waiting for a connection, for the CPU and for
// its answer alike) until it has ended, rightly or wrongly: the clock of latency_ns. L is the area
// under that count over the window; lambda W is the sum of the times of the requests that ended
// within it, over the window. L is counted from steps and never looks at how long a request took,
// so that the two agree only if the clocks are sound, no request is lost and the system is steady
// (the times of what is under way at one edge make up for those at the other). O(1) a call,
// allocates nothing. Not thread-safe; threads merge by adding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "load/window.h"

namespace zyphos {

class InFlight {
 public:
  void window(Window window) {
    window_ = window;
    passed_ = window.start;
  }
  // A request that was scheduled then is seen now: it counts from its schedule on.
  void begun(Time scheduled, Time now) {
    waited(scheduled, now);
    ++count_;
  }
  void ended(Time scheduled, Time now) {
    pass(now);
    --count_;
    if (window_.holds(now)) sojourns_ns_ += now - scheduled;
  }
  // It has waited until now, and is given up.
  void waited(Time scheduled, Time now) {
    pass(now);
    area_ns_ += std::max<std::int64_t>(0, passed_ - std::max(scheduled, window_.start));
  }
  // Integrates up to now. After each call with a later time, earlier ones count as this one.
  void pass(Time now) {
    const Time to = std::min(now, window_.end);
    if (to <= passed_) return;
    area_ns_ += count_ * (to - passed_);
    passed_ = to;
  }
  void add(const InFlight& other) {
    area_ns_ += other.area_ns_;
    sojourns_ns_ += other.sojourns_ns_;
  }

  // L over a window of this length; empty when it has none.
  std::optional<double> mean(std::int64_t window_ns) const {
    if (window_ns <= 0) return {};
    return static_cast<double>(area_ns_) / static_cast<double>(window_ns);
  }
  // L / (lambda W); empty when no request ended within the window.
  std::optional<double> little_ratio() const {
    if (sojourns_ns_ <= 0) return {};
    return static_cast<double>(area_ns_) / static_cast<double>(sojourns_ns_);
  }

 private:
  Window window_{Time::never(), Time::never()};
  Time passed_ = Time::never();
  std::int64_t count_ = 0;
  std::int64_t area_ns_ = 0;
  std::int64_t sojourns_ns_ = 0;
};

}  // namespace zyphos
