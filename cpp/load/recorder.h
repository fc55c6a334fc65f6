// Recorder: what became of the requests of one thread. The cohort is what was *scheduled* within
// the window; each request of it ends once, as done, failed or censored, so that the three add up
// to requests_scheduled.
//
//   done      a good answer within the deadline (from the schedule).
//   failed    a wrong answer, a lost connection, the wire timeout, or a good answer after the
//   deadline. censored  no answer when the load stopped waiting.
// latency_ns and service_ns hold good answers in time only: a fast error must not win. censored_ns
// holds what else is known of waiting: lower bounds of the unanswered (censored, wire timeout), and
// the latency of answers after the deadline; service_censored_ns the same from the send on, and
// schedule_lag_censored_ns how long those waited that were never sent. A quantile over a histogram
// and its censored one together that lands in the latter is ">= x". Not thread-safe; knows no
// clock.
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

// Of the cohort, what became of one of the listed requests. Those never sent belong to none.
struct EntryCounts {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
  std::uint64_t censored = 0;
  Histogram latency_ns;
};

struct Interval {
  Time start;
  Histogram latency_ns;  // of requests scheduled from here to the next interval
};

class Recorder {
 public:
  // Longer lists of requests than this are not counted one by one.
  static constexpr std::size_t kEntries_max = 32;
  static constexpr std::uint32_t kNoEntry = ~std::uint32_t{0};

  // `entries`: of the list of requests; below 2 they are not counted one by one.
  Recorder(std::int64_t interval_ns, std::int64_t deadline_ns, std::size_t entries = 0);

  // Allocates the intervals.
  void window(Window window);

  // A request went to the kernel (its own time, whatever the schedule).
  void sent(Time time) {
    if (window_.holds(time)) ++counts_.sent_in_window;
  }
  // A good answer.
  void done(Time scheduled, Time sent, Time done, std::uint32_t entry = kNoEntry);
  // `sent` is never() when it was not.
  void failed(Time scheduled, Time sent, Errc error, std::uint32_t entry = kNoEntry);
  // No answer until `until`: `error` is wire_timeout (failed), or ok (censored).
  void unanswered(Time scheduled, Time sent, Time until, Errc error,
                  std::uint32_t entry = kNoEntry);

  // The time of a good answer's request between the kernel's timestamps of send and receive.
  void wire(Time scheduled, std::int64_t wire_ns) {
    if (in_cohort(scheduled)) wire_ns_.record(wire_ns);
  }

  bool in_cohort(Time scheduled) const { return window_.holds(scheduled); }
  // Of another thread with the same window.
  void add(const Recorder& other);

  const Counts& counts() const { return counts_; }
  const Histogram& service_ns() const { return service_ns_; }
  const Histogram& schedule_lag_ns() const { return schedule_lag_ns_; }
  // Empty unless LoadOptions::kernel_timestamps.
  const Histogram& wire_ns() const { return wire_ns_; }
  const Histogram& censored_ns() const { return censored_ns_; }
  const Histogram& service_censored_ns() const { return service_censored_ns_; }
  const Histogram& schedule_lag_censored_ns() const { return schedule_lag_censored_ns_; }
  // Empty where there are none to count.
  const std::vector<EntryCounts>& entries() const { return entries_; }
  const std::vector<Interval>& intervals() const { return intervals_; }
  // Of all intervals.
  Histogram latency_ns() const;

 private:
  Histogram& interval_of(Time scheduled);
  void enter(Time scheduled, Time sent);
  void fail(Errc error, std::uint32_t entry);
  EntryCounts* entry_of(std::uint32_t entry) {
    return entry < entries_.size() ? &entries_[entry] : nullptr;
  }

  std::int64_t interval_ns_;
  std::int64_t deadline_ns_;
  Window window_{};
  std::vector<Interval> intervals_;
  Window current_{};  // of the interval that was used last
  Histogram* current_latency_ns_ = nullptr;
  Histogram service_ns_;
  Histogram schedule_lag_ns_;
  Histogram wire_ns_;
  Histogram censored_ns_;
  Histogram service_censored_ns_;
  Histogram schedule_lag_censored_ns_;
  std::vector<EntryCounts> entries_;
  Counts counts_;
};

}  // namespace zyphos
