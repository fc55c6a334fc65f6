#include "reference/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace zyphos::reference {
namespace {

constexpr std::int64_t kMs = kMillisecond_ns;

std::vector<std::int64_t> delays_ns(const Options& options, int count) {
  Schedule schedule(options);
  std::vector<std::int64_t> found;
  for (int i = 0; i < count; ++i) {
    const Time came{1'000'000'000 + i * 10 * kMs};
    found.push_back(schedule.next(came).due - came);
  }
  return found;
}

TEST(Schedule, NothingAskedIsDueAtOnce) {
  EXPECT_EQ(delays_ns({}, 3), (std::vector<std::int64_t>{0, 0, 0}));
}

TEST(Schedule, Constant) {
  Options options;
  options.delay.delay_ns = 2 * kMs;
  EXPECT_EQ(delays_ns(options, 3), (std::vector<std::int64_t>{2 * kMs, 2 * kMs, 2 * kMs}));
}

TEST(Schedule, BimodalHasItsShare) {
  Options options;
  options.delay = {.law = Law::bimodal, .delay_ns = kMs, .slow_ns = 9 * kMs, .share = 0.1};
  const auto found = delays_ns(options, 10'000);
  const auto slow = std::ranges::count(found, 9 * kMs);
  EXPECT_EQ(slow + std::ranges::count(found, kMs), 10'000);
  // Five standard deviations of a binomial.
  EXPECT_NEAR(static_cast<double>(slow), 1000.0, 150.0);
}

TEST(Schedule, ParetoFollowsItsLawAndEndsAtItsMost) {
  Options options;
  options.delay = {.law = Law::pareto, .scale_ns = kMs, .shape = 1.5, .most_ns = 50 * kMs};
  auto found = delays_ns(options, 20'000);
  std::ranges::sort(found);
  EXPECT_GE(found.front(), kMs);
  EXPECT_EQ(found.back(), 50 * kMs);
  // Median scale * 2^(1/shape), 99th percentile scale * 100^(1/shape).
  EXPECT_NEAR(static_cast<double>(found[10'000]), 1.5874e6, 0.03e6);
  EXPECT_NEAR(static_cast<double>(found[19'800]), 21.544e6, 2.5e6);
}

TEST(Schedule, StallHoldsWhatFallsIntoIt) {
  Options options;
  options.delay.delay_ns = kMs;
  options.stall = {.after_ns = 10 * kMs, .for_ns = 5 * kMs, .every_ns = 20 * kMs};
  Schedule schedule(options);
  const auto due_ms = [&](std::int64_t at_ms) {
    return (schedule.next(Time{at_ms * kMs}).due - Time{0}) / kMs;
  };
  EXPECT_EQ(due_ms(0), 1);  // the first request
  EXPECT_EQ(due_ms(8), 9);
  EXPECT_EQ(due_ms(9), 15);   // due when the stall begins
  EXPECT_EQ(due_ms(13), 15);  // due in it
  EXPECT_EQ(due_ms(14), 15);  // due at its end
  EXPECT_EQ(due_ms(30), 35);  // the next
}

TEST(Schedule, OrderedStallHoldsToo) {
  Schedule schedule({});
  schedule.add_stall({Time{5 * kMs}, Time{9 * kMs}});
  EXPECT_EQ(schedule.next(Time{6 * kMs}).due, Time{9 * kMs});
  EXPECT_EQ(schedule.free_at(Time{9 * kMs}), Time{9 * kMs});
}

TEST(Schedule, RateSpacesAnswersExactly) {
  Options options;
  options.rate_per_second = 3000.0;
  Schedule schedule(options);
  Time last;
  for (int i = 0; i <= 3000; ++i) last = schedule.next(Time{kSecond_ns}).due;
  // 3000 periods after the first answer, without the sum of 3000 roundings.
  EXPECT_NEAR(static_cast<double>(last - Time{2 * kSecond_ns}), 0.0, 2.0);
}

TEST(Schedule, RateGivesNoCreditForIdleTime) {
  Options options;
  options.rate_per_second = 1000.0;
  Schedule schedule(options);
  EXPECT_EQ(schedule.next(Time{0}).due, Time{0});
  EXPECT_EQ(schedule.next(Time{50 * kMs}).due, Time{50 * kMs});
  EXPECT_EQ(schedule.next(Time{50 * kMs}).due, Time{51 * kMs});
}

TEST(Schedule, LossTakesNoPlaceUnderTheRate) {
  Options options;
  options.rate_per_second = 1000.0;
  options.loss.share = 0.5;
  Schedule schedule(options);
  std::int64_t answered = 0;
  Time last;
  for (int i = 0; i < 1000; ++i) {
    const Fate fate = schedule.next(Time{0});
    if (fate.lost) continue;
    ++answered;
    last = fate.due;
  }
  EXPECT_NEAR(static_cast<double>(answered), 500.0, 80.0);
  EXPECT_EQ(last, Time{(answered - 1) * kMs});
}

TEST(Complaint, WhatDoesNotGoTogether) {
  Options options;
  EXPECT_EQ(complaint(options), "");
  options.delay = {.law = Law::pareto};
  EXPECT_EQ(complaint(options), "delay.law=pareto needs delay.scale_ns");
  options.delay = {.law = Law::bimodal, .delay_ns = 2, .slow_ns = 1};
  EXPECT_EQ(complaint(options), "delay.slow_ns is below delay.delay_ns");
  options.delay = {};
  options.stall = {.for_ns = 2, .every_ns = 2};
  EXPECT_NE(complaint(options), "");
}

}  // namespace
}  // namespace zyphos::reference
