// What became of requests, in virtual time: the recorder alone, then with a source and a scripted
// server.
#include "load/recorder.h"

#include <gtest/gtest.h>

#include <deque>

#include "load/source.h"

namespace zyphos {
namespace {

constexpr Time at(std::int64_t ms) { return {ms * kMillisecond_ns}; }
constexpr Window kWindow{at(1000), at(2000)};

Recorder recorder(std::int64_t interval_ms = 0, std::int64_t deadline_ms = 500) {
  Recorder out(interval_ms * kMillisecond_ns, deadline_ms * kMillisecond_ns);
  out.window(kWindow);
  return out;
}

TEST(Recorder, TheCohortIsWhatWasScheduledInTheWindow) {
  Recorder r = recorder();
  r.done(at(999), at(999), at(1010));  // scheduled before: throughput only
  r.done(at(1000), at(1001), at(1010));
  r.done(at(1999), at(1999), at(2010));  // done after: cohort only
  r.done(at(2000), at(2000), at(2010));
  EXPECT_EQ(r.counts().scheduled, 2U);
  EXPECT_EQ(r.counts().done, 2U);
  EXPECT_EQ(r.counts().done_in_window, 2U);
  EXPECT_EQ(r.latency_ns().max_ns(), 11'000'000);
}

TEST(Recorder, LatencyIsFromTheScheduleServiceFromTheSend) {
  Recorder r = recorder();
  r.done(at(1100), at(1130), at(1150));
  EXPECT_EQ(r.intervals()[0].latency_ns.max_ns(), 50'000'000);
  EXPECT_EQ(r.service_ns().max_ns(), 20'000'000);
  EXPECT_EQ(r.schedule_lag_ns().max_ns(), 30'000'000);
}

TEST(Recorder, WrongAnswersAreNoLatency) {
  Recorder r = recorder();
  r.failed(at(1100), at(1100), Errc::wrong_status);
  r.failed(at(1100), at(1100), Errc::peer_reset);
  r.failed(at(500), at(500), Errc::wrong_status);
  EXPECT_EQ(r.counts().failed, 2U);
  EXPECT_EQ(r.counts().errors[static_cast<std::size_t>(Errc::wrong_status)], 1U);
  EXPECT_EQ(r.latency_ns().count(), 0U);
  EXPECT_EQ(r.service_ns().count(), 0U);
  EXPECT_EQ(r.counts().done_in_window, 0U);
}

TEST(Recorder, AfterTheDeadlineIsFailedAndItsWaitingIsKept) {
  Recorder r = recorder();
  r.done(at(1100), at(1100), at(1600));  // exactly in time
  r.done(at(1100), at(1100), at(1601));
  EXPECT_EQ(r.counts().done, 1U);
  EXPECT_EQ(r.counts().errors[static_cast<std::size_t>(Errc::deadline)], 1U);
  EXPECT_EQ(r.latency_ns().count(), 1U);
  EXPECT_EQ(r.censored_ns().max_ns(), 501'000'000);
  EXPECT_EQ(r.counts().done_in_window, 1U);
}

TEST(Recorder, TheUnansweredAreLowerBounds) {
  Recorder r = recorder();
  r.unanswered(at(1100), at(1200), at(2500), Errc::ok);
  r.unanswered(at(1900), Time::never(), at(2500), Errc::ok);
  r.unanswered(at(1300), at(1300), at(1400), Errc::wire_timeout);
  EXPECT_EQ(r.counts().scheduled, 3U);
  EXPECT_EQ(r.counts().sent, 2U);
  EXPECT_EQ(r.counts().censored, 2U);
  EXPECT_EQ(r.counts().failed, 1U);
  EXPECT_EQ(r.censored_ns().count(), 3U);
  EXPECT_EQ(r.censored_ns().max_ns(), 1'400'000'000);
  EXPECT_EQ(r.schedule_lag_ns().count(), 2U);
  // Also from the send, and of the one that was never sent, how late it is at least.
  EXPECT_EQ(r.service_censored_ns().count(), 2U);
  EXPECT_EQ(r.service_censored_ns().max_ns(), 1'300'000'000);
  EXPECT_EQ(r.schedule_lag_censored_ns().count(), 1U);
  EXPECT_EQ(r.schedule_lag_censored_ns().max_ns(), 600'000'000);
}

TEST(Recorder, EachEndIsCountedOfItsRequestToo) {
  Recorder r(0, 500 * kMillisecond_ns, 3);
  r.window(kWindow);
  r.done(at(1100), at(1100), at(1110), 0);
  r.done(at(1100), at(1100), at(1130), 2);
  r.done(at(1100), at(1100), at(1900), 2);  // late
  r.failed(at(1100), at(1100), Errc::wrong_status, 1);
  r.unanswered(at(1200), at(1200), at(2500), Errc::ok, 1);
  r.unanswered(at(1200), Time::never(), at(2500), Errc::ok);  // never sent: of none
  r.done(at(500), at(500), at(510), 0);                       // not in the cohort
  Recorder sum(0, 500 * kMillisecond_ns, 3);
  sum.window(kWindow);
  sum.add(r);
  sum.add(r);
  ASSERT_EQ(sum.entries().size(), 3U);
  EXPECT_EQ(sum.entries()[0].done, 2U);
  EXPECT_EQ(sum.entries()[0].latency_ns.max_ns(), 10'000'000);
  EXPECT_EQ(sum.entries()[1].failed, 2U);
  EXPECT_EQ(sum.entries()[1].censored, 2U);
  EXPECT_EQ(sum.entries()[2].done, 2U);
  EXPECT_EQ(sum.entries()[2].failed, 2U);
  EXPECT_EQ(sum.counts().censored, 4U);
}

TEST(Recorder, LongListsAreNotCountedOneByOne) {
  Recorder r(0, 500 * kMillisecond_ns, Recorder::kEntries_max + 1);
  r.window(kWindow);
  r.done(at(1100), at(1100), at(1110), 7);
  EXPECT_TRUE(r.entries().empty());
  EXPECT_EQ(r.counts().done, 1U);
}

TEST(Recorder, IntervalsAreCutByTheSchedule) {
  Recorder r = recorder(300);
  ASSERT_EQ(r.intervals().size(), 4U);
  r.done(at(1000), at(1000), at(1400));
  r.done(at(1299), at(1299), at(1300));
  r.done(at(1950), at(1950), at(2100));
  r.done(at(1300), at(1300), at(1301));
  EXPECT_EQ(r.intervals()[0].latency_ns.count(), 2U);
  EXPECT_EQ(r.intervals()[1].latency_ns.count(), 1U);
  EXPECT_EQ(r.intervals()[2].latency_ns.count(), 0U);
  EXPECT_EQ(r.intervals()[3].latency_ns.count(), 1U);
  EXPECT_EQ(r.intervals()[3].start, at(1900));
}

TEST(Recorder, ThreadsMergeByAdding) {
  Recorder a = recorder(100);
  Recorder b = recorder(100);
  a.done(at(1010), at(1010), at(1020));
  b.done(at(1010), at(1010), at(1030));
  b.failed(at(1500), at(1500), Errc::truncated);
  a.add(b);
  EXPECT_EQ(a.counts().scheduled, 3U);
  EXPECT_EQ(a.intervals()[0].latency_ns.count(), 2U);
  EXPECT_EQ(a.counts().errors[static_cast<std::size_t>(Errc::truncated)], 1U);
}

// One connection to a server that takes `service` for each request, one after the other, and does
// nothing at all in [stall.start, stall.end).
struct Scripted {
  std::int64_t service_ns = kMillisecond_ns / 10;
  Window stall{at(1300), at(1300)};

  Time answer(Time sent) const {
    const Time done = sent + service_ns;
    if (done < stall.start || sent >= stall.end) return done;
    return stall.end + service_ns;
  }

  // Virtual time jumps from answer to arrival to answer.
  Recorder run(const LoadOptions& options, Time give_up) const {
    auto source = make_source(options, 1, 0, Random(options.seed));
    Recorder out(0, options.deadline_ns);
    out.window(kWindow);
    source->joined(0, at(0));
    source->run(at(500), kWindow);
    Time now = at(0);
    for (Ticket ticket;;) {
      now = std::max(now, source->due());
      if (now >= give_up || !source->peek(now, ticket)) break;
      source->take();
      const Time done = answer(now);
      if (done >= give_up) {
        out.unanswered(ticket.scheduled, now, give_up, Errc::ok);
        break;
      }
      out.done(ticket.scheduled, now, done);
      now = done;
      source->freed(0, now);
    }
    for (Time scheduled; source->backlog(scheduled);) {
      out.unanswered(scheduled, Time::never(), give_up, Errc::ok);
    }
    return out;
  }
};

std::uint64_t at_least(const Histogram& histogram, std::int64_t value_ns) {
  std::uint64_t n = 0;
  for (std::size_t i = Histogram::index(value_ns); i < Histogram::kBuckets; ++i) {
    n += histogram.count_at(i);
  }
  return n;
}

LoadOptions constant_load() {
  LoadOptions options;
  options.arrival = {.law = Law::constant, .rate_per_second = 1000.0};
  options.connections = 1;
  return options;
}

TEST(CoordinatedOmission, AStallIsSeenByEveryRequestThatWasDue) {
  Scripted server;
  server.stall = {at(1200), at(1700)};
  const Recorder r = server.run(constant_load(), at(100'000));
  const Histogram latency = r.latency_ns();
  EXPECT_EQ(r.counts().scheduled, 1000U);
  EXPECT_EQ(r.counts().done, 1000U);
  // Due x ms into the stall and done 0.1 ms times its place behind its end: 500 - 0.9 x ms, a
  // straight line down.
  for (const std::int64_t ms : {50, 100, 200, 300, 400, 490}) {
    const double expected = static_cast<double>(500 - ms) / 0.9;
    EXPECT_NEAR(static_cast<double>(at_least(latency, ms * kMillisecond_ns)), expected, 3.0) << ms;
  }
  EXPECT_NEAR(static_cast<double>(latency.max_ns()), 500e6, 1.2e6);
  // From the send, only one request was slow: this is what a coordinated tool would report.
  EXPECT_LE(at_least(r.service_ns(), kMillisecond_ns), 1U);
  EXPECT_NEAR(static_cast<double>(r.schedule_lag_ns().max_ns()), 500e6, 2.2e6);
}

TEST(CoordinatedOmission, AStallBeyondTheEndIsCensoredNotLost) {
  Scripted server;
  server.stall = {at(1500), at(9000)};
  const Recorder r = server.run(constant_load(), at(4000));
  EXPECT_EQ(r.counts().scheduled, 1000U);
  EXPECT_EQ(r.counts().done, 500U);
  EXPECT_EQ(r.counts().censored, 500U);
  EXPECT_EQ(r.counts().sent, 501U);
  EXPECT_EQ(at_least(r.censored_ns(), 2000 * kMillisecond_ns), 500U);
  EXPECT_NEAR(static_cast<double>(r.censored_ns().max_ns()), 2500e6, 2e6);
}

TEST(CoordinatedOmission, TheClosedLawHidesTheStall) {
  Scripted server;
  server.stall = {at(1200), at(1700)};
  LoadOptions options;
  const Recorder r = server.run(options, at(100'000));
  EXPECT_EQ(at_least(r.latency_ns(), kMillisecond_ns), 1U);
  EXPECT_NEAR(static_cast<double>(r.counts().done), 5000.0, 10.0);
}

}  // namespace
}  // namespace zyphos
