#include "load/recorder.h"

#include <algorithm>

#include "base/check.h"

namespace zyphos {

Recorder::Recorder(std::int64_t interval_ns, std::int64_t deadline_ns, std::size_t entries)
    : interval_ns_(interval_ns), deadline_ns_(deadline_ns) {
  if (entries > 1 && entries <= kEntries_max) entries_.resize(entries);
}

void Recorder::window(Window window) {
  window_ = window;
  const std::int64_t whole = window.end - window.start;
  if (interval_ns_ <= 0 || interval_ns_ > whole) interval_ns_ = std::max<std::int64_t>(1, whole);
  for (Time start = window.start; start < window.end; start = start + interval_ns_) {
    intervals_.push_back({start, Histogram()});
  }
}

// Requests come nearly in the order of their schedule: the interval is looked up only when it
// changes.
Histogram& Recorder::interval_of(Time scheduled) {
  if (!current_.holds(scheduled)) {
    const auto index = static_cast<std::size_t>((scheduled - window_.start) / interval_ns_);
    ZY_CHECK(index < intervals_.size());
    current_ = {intervals_[index].start, intervals_[index].start + interval_ns_};
    current_latency_ns_ = &intervals_[index].latency_ns;
  }
  return *current_latency_ns_;
}

void Recorder::enter(Time scheduled, Time sent) {
  ++counts_.scheduled;
  if (sent.is_never()) return;
  ++counts_.sent;
  schedule_lag_ns_.record(sent - scheduled);
}

void Recorder::fail(Errc error, std::uint32_t entry) {
  ++counts_.failed;
  ++counts_.errors[static_cast<std::size_t>(error)];
  if (EntryCounts* counted = entry_of(entry)) ++counted->failed;
}

void Recorder::done(Time scheduled, Time sent, Time done, std::uint32_t entry) {
  const std::int64_t latency_ns = done - scheduled;
  const bool in_time = latency_ns <= deadline_ns_;
  if (in_time && window_.holds(done)) ++counts_.done_in_window;
  if (!in_cohort(scheduled)) return;
  enter(scheduled, sent);
  if (!in_time) {
    fail(Errc::deadline, entry);
    censored_ns_.record(latency_ns);
    service_censored_ns_.record(done - sent);
    return;
  }
  ++counts_.done;
  interval_of(scheduled).record(latency_ns);
  service_ns_.record(done - sent);
  if (EntryCounts* counted = entry_of(entry)) {
    ++counted->done;
    counted->latency_ns.record(latency_ns);
  }
}

void Recorder::failed(Time scheduled, Time sent, Errc error, std::uint32_t entry) {
  if (!in_cohort(scheduled)) return;
  enter(scheduled, sent);
  fail(error, entry);
}

void Recorder::unanswered(Time scheduled, Time sent, Time until, Errc error, std::uint32_t entry) {
  if (!in_cohort(scheduled)) return;
  enter(scheduled, sent);
  censored_ns_.record(until - scheduled);
  if (sent.is_never()) {
    schedule_lag_censored_ns_.record(until - scheduled);
  } else {
    service_censored_ns_.record(until - sent);
  }
  if (error != Errc::ok) {
    fail(error, entry);
    return;
  }
  ++counts_.censored;
  if (EntryCounts* counted = entry_of(entry)) ++counted->censored;
}

void Recorder::add(const Recorder& other) {
  ZY_CHECK(intervals_.size() == other.intervals_.size());
  for (std::size_t i = 0; i < intervals_.size(); ++i) {
    intervals_[i].latency_ns.add(other.intervals_[i].latency_ns);
  }
  service_ns_.add(other.service_ns_);
  schedule_lag_ns_.add(other.schedule_lag_ns_);
  wire_ns_.add(other.wire_ns_);
  censored_ns_.add(other.censored_ns_);
  service_censored_ns_.add(other.service_censored_ns_);
  schedule_lag_censored_ns_.add(other.schedule_lag_censored_ns_);
  ZY_CHECK(entries_.size() == other.entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].done += other.entries_[i].done;
    entries_[i].failed += other.entries_[i].failed;
    entries_[i].censored += other.entries_[i].censored;
    entries_[i].latency_ns.add(other.entries_[i].latency_ns);
  }
  counts_.scheduled += other.counts_.scheduled;
  counts_.sent += other.counts_.sent;
  counts_.done += other.counts_.done;
  counts_.failed += other.counts_.failed;
  counts_.censored += other.counts_.censored;
  counts_.sent_in_window += other.counts_.sent_in_window;
  counts_.done_in_window += other.counts_.done_in_window;
  for (std::size_t i = 0; i < kErrcCount; ++i) counts_.errors[i] += other.counts_.errors[i];
}

Histogram Recorder::latency_ns() const {
  Histogram all;
  for (const Interval& interval : intervals_) all.add(interval.latency_ns);
  return all;
}

}  // namespace zyphos
