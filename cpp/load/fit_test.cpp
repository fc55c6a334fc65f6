// The distance from the declared law: near nothing for the law itself, and seen for every other.
#include "load/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "load/arrivals.h"

namespace zyphos {
namespace {

constexpr Time kStart{5 * kSecond_ns};
constexpr Window kWindow{kStart, {8 * kSecond_ns}};
constexpr double kLimit = 0.02;  // METHOD.md; record.py's ARRIVALS_KS_MAX

struct Named {
  std::string name;
  ArrivalOptions options;
};

ArrivalOptions bursts() {
  auto trace = std::make_shared<Trace>();
  for (std::int64_t i = 0; i < 300; ++i) {
    trace->offsets_ns.push_back(i / 30 * 50 * kMillisecond_ns + i % 30 / 10 * kMillisecond_ns);
  }
  return {.law = Law::trace, .period_ns = 600 * kMillisecond_ns, .trace = trace};
}

// All with a mean of 500/s, or nearly so.
const std::vector<Named>& laws() {
  static const std::vector<Named> all{
      {"constant", {.law = Law::constant, .rate_per_second = 5000}},
      {"poisson", {.law = Law::poisson, .rate_per_second = 5000}},
      {"on-off",
       {.law = Law::on_off,
        .rate_per_second = 5000,
        .on_ns = 10 * kMillisecond_ns,
        .off_ns = 10 * kMillisecond_ns}},
      {"on-off slow",
       {.law = Law::on_off,
        .rate_per_second = 5000,
        .on_ns = 500 * kMillisecond_ns,
        .off_ns = 500 * kMillisecond_ns}},
      {"ramp", {.law = Law::ramp, .from_per_second = 4000, .to_per_second = 6000}},
      {"trace", bursts()},
      {"partly-open", {.law = Law::partly_open, .rate_per_second = 2500, .requests_mean = 2}},
  };
  return all;
}

// The distance of a schedule of `sent` from `declared`, each thread with a fit of its own.
double distance(const ArrivalOptions& declared, const ArrivalOptions& sent, unsigned threads,
                std::int64_t late_ns = 0) {
  Fit whole(declared, threads);
  whole.window(kWindow);
  Random random(3);
  for (unsigned thread = 0; thread < threads; ++thread) {
    Arrivals arrivals(sent, thread, threads, random.split());
    arrivals.start({kStart.ns - kSecond_ns}, kWindow);
    Fit fit(declared, threads);
    fit.window(kWindow);
    for (Time t = arrivals.next(); t < kWindow.end; t = arrivals.next()) fit.sent(t + late_ns);
    whole.add(fit);
  }
  return whole.distance(kWindow.end).value_or(1.0);
}

TEST(Fit, EveryLawIsNearItself) {
  for (const Named& law : laws()) {
    for (const unsigned threads : {1U, 3U}) {
      EXPECT_LT(distance(law.options, law.options, threads), kLimit) << law.name << " " << threads;
      EXPECT_LT(distance(law.options, law.options, threads, 50 * kMicrosecond_ns), kLimit)
          << law.name << ", every send 50 us late";
    }
  }
}

TEST(Fit, EveryOtherLawIsSeen) {
  for (const Named& declared : laws()) {
    for (const Named& sent : laws()) {
      if (declared.name == sent.name) continue;
      // Even laws are told apart by their counts over time, and a Poisson count of the same rate
      // differs by chance alone: what it may hide is a matter of schedule_lag.
      if (declared.name == "constant" && sent.name == "poisson") continue;
      const double found = distance(declared.options, sent.options, 2);
      // On and off every 10 ms is, over 3 s, as even as constant.
      if (declared.name == "constant" && sent.name == "on-off") {
        EXPECT_LT(found, kLimit);
        continue;
      }
      EXPECT_GT(found, kLimit) << sent.name << " sent, " << declared.name << " declared";
    }
  }
}

TEST(Fit, AWrongRateIsSeen) {
  for (const Named& law : laws()) {
    ArrivalOptions slower = law.options;
    slower.rate_per_second *= 0.9;
    slower.from_per_second *= 0.9;
    slower.to_per_second *= 0.9;
    slower.period_ns = slower.period_ns * 10 / 9;
    EXPECT_GT(distance(law.options, slower, 2), kLimit) << law.name;
  }
}

// Each process sees its own arrivals, which are not the law; all of them together are.
TEST(Fit, WhatProcessesHaveSeenAddsUp) {
  for (const Named& law : laws()) {
    Fit whole(law.options, 2);
    Fit told(law.options, 2);
    whole.window(kWindow);
    told.window(kWindow);
    Random random(3);
    for (unsigned thread = 0; thread < 2; ++thread) {
      Arrivals arrivals(law.options, thread, 2, random.split());
      arrivals.start(kStart, kWindow);
      Fit own(law.options, 2);
      own.window(kWindow);
      for (Time t = arrivals.next(); t < kWindow.end; t = arrivals.next()) own.sent(t);
      whole.add(own);
      EXPECT_TRUE(told.add(own.observations()));
    }
    EXPECT_EQ(told.observed(), whole.observed()) << law.name;
    EXPECT_EQ(told.distance(kWindow.end), whole.distance(kWindow.end)) << law.name;
    EXPECT_EQ(told.resolved(kWindow.end), whole.resolved(kWindow.end)) << law.name;
    EXPECT_LT(told.distance(kWindow.end).value_or(1.0), kLimit) << law.name;
    EXPECT_FALSE(told.add(std::vector<std::uint64_t>(7))) << law.name;
  }
}

TEST(Fit, SeesBunchesAndStalls) {
  constexpr Window kSecond{kStart, {6 * kSecond_ns}};
  Fit even({.law = Law::constant, .rate_per_second = 1000.0}, 1);
  Fit stalled({.law = Law::constant, .rate_per_second = 1000.0}, 1);
  Fit bunched({.law = Law::poisson, .rate_per_second = 1000.0}, 1);
  for (Fit* fit : {&even, &stalled, &bunched}) fit->window(kSecond);
  for (int k = 0; k < 1000; ++k) {
    const Time due = kStart + k * kMillisecond_ns;
    even.sent(due);
    // Nothing for 100 ms, then all of it at once.
    stalled.sent(k >= 400 && k < 500 ? kStart + 500 * kMillisecond_ns : due);
    bunched.sent(kStart + k / 10 * 10 * kMillisecond_ns);
  }
  EXPECT_LT(even.distance(kSecond.end).value_or(1.0), 0.002);
  EXPECT_NEAR(stalled.distance(kSecond.end).value_or(1.0), 0.1, 0.002);
  EXPECT_GT(bunched.distance(kSecond.end).value_or(0.0), 0.5);
}

// A Poisson law of which no send leaves before the one ahead of it has taken its time.
Fit queued(double rate_per_second, std::int64_t send_ns, unsigned bunch = 1) {
  const ArrivalOptions poisson{.law = Law::poisson, .rate_per_second = rate_per_second};
  Fit fit(poisson, 1);
  fit.window(kWindow);
  Arrivals arrivals(poisson, 0, 1, Random(3));
  arrivals.start(kStart, kWindow);
  std::vector<Time> due;
  Time free = kStart;
  for (Time t = arrivals.next(); t < kWindow.end; t = arrivals.next()) {
    due.push_back(t);
    if (due.size() < bunch) continue;
    for (std::size_t i = 0; i < due.size(); ++i) {  // all of them when the last is due
      free = std::max(free + send_ns, t);
      fit.sent(free);
    }
    due.clear();
  }
  return fit;
}

TEST(Fit, WhatASendTakesIsNoOtherLaw) {
  for (const double rate : {10'000.0, 50'000.0, 90'000.0}) {
    const Fit fit = queued(rate, 4 * kMicrosecond_ns);
    const double nearer = 1.0 - std::exp(-rate * 4e-6);  // the share that would be nearer than 4 us
    EXPECT_NEAR(fit.distance(kWindow.end).value_or(0.0), nearer, 0.005) << rate;
    EXPECT_LT(fit.resolved(kWindow.end).value_or(1.0), kLimit) << rate;
    const Fit bunches = queued(rate, kMicrosecond_ns, 8);
    EXPECT_GT(bunches.resolved(kWindow.end).value_or(0.0), 10 * kLimit) << rate;
  }
  const Fit slow = queued(50'000.0, 15 * kMicrosecond_ns);
  EXPECT_GT(slow.resolved(kWindow.end).value_or(0.0), 10 * kLimit);
  const Fit calm = queued(100.0, kMicrosecond_ns);
  EXPECT_NEAR(calm.resolved(kWindow.end).value_or(1.0), calm.distance(kWindow.end).value_or(0.0),
              0.001);
}

TEST(Fit, OfAnInterruptedWindowItJudgesWhatThereWas) {
  for (const Named& law : laws()) {
    Fit fit(law.options, 1);
    fit.window(kWindow);
    Arrivals arrivals(law.options, 0, 1, Random(3));
    arrivals.start(kStart, kWindow);
    const Time end = kStart + kSecond_ns;
    for (Time t = arrivals.next(); t < end; t = arrivals.next()) fit.sent(t);
    EXPECT_LT(fit.distance(end).value_or(1.0), 0.03) << law.name;
  }
}

TEST(Fit, HasNothingToSayOfTheClosedLawOrOfNothing) {
  Fit closed({}, 1);
  closed.window(kWindow);
  closed.sent(kStart);
  EXPECT_FALSE(closed.distance(kWindow.end).has_value());
  Fit empty({.law = Law::constant, .rate_per_second = 1.0}, 1);
  empty.window(kWindow);
  EXPECT_FALSE(empty.distance(kWindow.end).has_value());
}

}  // namespace
}  // namespace zyphos
