#include "reference/schedule.h"

#include <algorithm>
#include <cmath>

namespace zyphos::reference {

Schedule::Schedule(const Options& options)
    : delay_(options.delay),
      stall_(options.stall),
      loss_(options.loss.share),
      period_ns_(options.rate_per_second > 0.0 ? 1e9 / options.rate_per_second : 0.0),
      random_(options.seed) {}

std::int64_t Schedule::delay_ns() {
  switch (delay_.law) {
    case Law::constant: return delay_.delay_ns;
    case Law::bimodal: return random_.unit() <= delay_.share ? delay_.slow_ns : delay_.delay_ns;
    case Law::pareto: {
      // Inverse of the distribution function 1 - (scale/x)^shape.
      const double scale = static_cast<double>(delay_.scale_ns);
      const double drawn = scale / std::pow(random_.unit(), 1.0 / delay_.shape);
      return static_cast<std::int64_t>(std::min(drawn, static_cast<double>(delay_.most_ns)));
    }
  }
  return 0;
}

Time Schedule::own_stall_end(Time due) const {
  if (stall_.for_ns <= 0 || first_.is_never()) return due;
  const std::int64_t since = due - (first_ + stall_.after_ns);
  if (since < 0) return due;
  const std::int64_t within = stall_.every_ns > 0 ? since % stall_.every_ns : since;
  return within < stall_.for_ns ? due + (stall_.for_ns - within) : due;
}

Time Schedule::free_at(Time due) const {
  Time at = own_stall_end(due);
  for (const Stall& stall : stalls_) {
    if (at >= stall.start && at < stall.end) at = stall.end;
  }
  return at;
}

Fate Schedule::next(Time received) {
  if (first_.is_never()) first_ = received;
  // Drawn in the same order whatever the loss, so that a seed means one sequence of delays.
  const std::int64_t delay = delay_ns();
  if (loss_ > 0.0 && random_.unit() <= loss_) return {Time::never(), true};
  Time due = free_at(received + delay);
  if (period_ns_ > 0.0) {
    // A grid in floating point: periods that are no whole nanoseconds do not add up to an error.
    const double wanted = static_cast<double>(due - first_);
    const double slot = std::max(wanted, next_slot_ns_);
    due = free_at(first_ + static_cast<std::int64_t>(slot));
    next_slot_ns_ = std::max(slot, static_cast<double>(due - first_)) + period_ns_;
  }
  return {due, false};
}

}  // namespace zyphos::reference
