// Recorder: what became of the requests of one thread. The cohort is what was *scheduled* within
// the window; each request of it ends once, as done, failed or censored, so that the three add up
// to requests_scheduled.
//
//   done      a good answer within the deadline (from the schedule).
//   failed    a wrong answer, a lost connection, the wire timeout, or a good answer after the
//   deadline. censored  no answer when the load stopped waiting.
// latency_ns and service_ns hold good answers in time only: a fast error must not win. censored_ns
// holds what else is known of waiting: lower bounds of the unanswered (censored, wire timeout), and
// the latency of answers after the deadline. A quantile over latency_ns and censored_ns together
// that lands in the latter is ">= x". Not thread-safe; knows no clock.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "load/window.h"
#include "metrics/histogram.h"

namespace zyphos {

struct Counts {
  std::uint64_t scheduled = 0;
  std::uint64_t sent = 0;
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t censored = 0;
  std::uint64_t sent_in_window = 0;                // whenever scheduled
  std::uint64_t done_in_window = 0;                // whenever scheduled: the throughput
  std::array<std::uint64_t, kErrcCount> errors{};  // of the failed
};

struct Interval {
  Time start;
  Histogram latency_ns;  // of requests scheduled from here to the next interval
};

class Recorder {
 public:
  Recorder(std::int64_t interval_ns, std::int64_t deadline_ns);

  // Allocates the intervals.
  void window(Window window);

  // A request went to the kernel (its own time, whatever the schedule).
  void sent(Time time) {
    if (window_.holds(time)) ++counts_.sent_in_window;
  }
  // A good answer.
  void done(Time scheduled, Time sent, Time done);
  // `sent` is never() when it was not.
  void failed(Time scheduled, Time sent, Errc error);
  // No answer until `until`: `error` is wire_timeout (failed), or ok (censored).
  void unanswered(Time scheduled, Time sent, Time until, Errc error);

  bool in_cohort(Time scheduled) const { return window_.holds(scheduled); }
  // Of another thread with the same window.
  void add(const Recorder& other);

  const Counts& counts() const { return counts_; }
  const Histogram& service_ns() const { return service_ns_; }
  const Histogram& schedule_lag_ns() const { return schedule_lag_ns_; }
  const Histogram& censored_ns() const { return censored_ns_; }
  const std::vector<Interval>& intervals() const { return intervals_; }
  // Of all intervals.
  Histogram latency_ns() const;

 private:
  Histogram& interval_of(Time scheduled);
  void enter(Time scheduled, Time sent);
  void fail(Errc error);

  std::int64_t interval_ns_;
  std::int64_t deadline_ns_;
  Window window_{};
  std::vector<Interval> intervals_;
  Window current_{};  // of the interval that was used last
  Histogram* current_latency_ns_ = nullptr;
  Histogram service_ns_;
  Histogram schedule_lag_ns_;
  Histogram censored_ns_;
  Counts counts_;
};

}  // namespace zyphos
