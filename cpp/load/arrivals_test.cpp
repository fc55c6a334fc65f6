// Each law's schedule against what it has declared: known answers, in virtual time.
#include "load/arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "load/fit.h"

namespace zyphos {
namespace {

constexpr Time kStart{5 * kSecond_ns};
constexpr Window kWindow{kStart, {8 * kSecond_ns}};

ArrivalOptions constant(double rate) { return {.law = Law::constant, .rate_per_second = rate}; }
ArrivalOptions poisson(double rate) { return {.law = Law::poisson, .rate_per_second = rate}; }
ArrivalOptions on_off(double rate, std::int64_t on_ms, std::int64_t off_ms) {
  return {.law = Law::on_off,
          .rate_per_second = rate,
          .on_ns = on_ms * kMillisecond_ns,
          .off_ns = off_ms * kMillisecond_ns};
}
ArrivalOptions ramp(double from, double to) {
  return {.law = Law::ramp, .from_per_second = from, .to_per_second = to};
}
ArrivalOptions trace(std::vector<std::int64_t> offsets_ms, std::int64_t period_ms = 0) {
  Trace out;
  for (const std::int64_t ms : offsets_ms) out.offsets_ns.push_back(ms * kMillisecond_ns);
  return {.law = Law::trace,
          .period_ns = period_ms * kMillisecond_ns,
          .trace = std::make_shared<const Trace>(std::move(out))};
}

// All threads' arrivals from `start` to the window's end, in order.
std::vector<Time> merged(const ArrivalOptions& options, unsigned threads, std::uint64_t seed,
                         Time start = kStart) {
  std::vector<Time> all;
  Random random(seed);
  for (unsigned thread = 0; thread < threads; ++thread) {
    Arrivals arrivals(options, thread, threads, random.split());
    arrivals.start(start, kWindow);
    for (Time t = arrivals.next(); t < kWindow.end; t = arrivals.next()) all.push_back(t);
  }
  std::ranges::sort(all);
  return all;
}

TEST(Arrivals, ConstantIsExactHoweverManyThreads) {
  for (const double rate : {1.0, 3.0, 700.0, 99'999.0}) {
    for (const unsigned threads : {1U, 2U, 3U, 7U}) {
      const auto all = merged(constant(rate), threads, 1);
      ASSERT_EQ(all.size(), static_cast<std::size_t>(3 * rate)) << rate << " " << threads;
      for (std::size_t k = 0; k < all.size(); ++k) {
        const double wanted_ns = 1e9 * static_cast<double>(k) / rate;
        ASSERT_NEAR(static_cast<double>(all[k] - kStart), wanted_ns, 1.0);
      }
    }
  }
}

TEST(Arrivals, PoissonFollowsItsLawAndItsSeed) {
  const ArrivalOptions options = poisson(50'000.0);
  for (const unsigned threads : {1U, 4U}) {
    const auto all = merged(options, threads, 42);
    EXPECT_EQ(all, merged(options, threads, 42));
    EXPECT_NE(all, merged(options, threads, 43));
    // Five standard deviations of the count.
    EXPECT_NEAR(static_cast<double>(all.size()), 150'000.0, 5 * std::sqrt(150'000.0));
    Fit fit(options, 1);
    fit.window(kWindow);
    for (const Time t : all) fit.sent(t);
    EXPECT_LT(fit.distance(kWindow.end).value_or(1.0), 0.02)
        << "threads " << threads << ", seed 42";
  }
}

TEST(Arrivals, OnOffIsConstantWhileOnAndHasTheMeanRate) {
  for (const unsigned threads : {1U, 2U, 3U, 5U}) {
    const auto all = merged(on_off(1000.0, 100, 150), threads, 1);
    ASSERT_EQ(all.size(), 3000U) << threads;
    for (std::size_t k = 0; k < all.size(); ++k) {
      // 250 arrivals in the first 100 ms of each 250.
      const auto cycle = static_cast<double>(k / 250);
      const double wanted_ms = 250.0 * cycle + 0.4 * static_cast<double>(k % 250);
      ASSERT_NEAR(static_cast<double>(all[k] - kStart), wanted_ms * 1e6, 1.5) << k;
    }
  }
}

TEST(Arrivals, OnOffWithAFractionOfAnArrivalACycleKeepsItsRate) {
  // 6.66 arrivals a cycle: where a cycle has one fewer, a later one has it more.
  const auto all = merged(on_off(33.3, 50, 150), 2, 1);
  EXPECT_NEAR(static_cast<double>(all.size()), 99.9, 1.0);
  for (const Time t : all) {
    ASSERT_LE((t - kStart) % (200 * kMillisecond_ns), 50 * kMillisecond_ns);
  }
}

TEST(Arrivals, RampGrowsEvenly) {
  for (const unsigned threads : {1U, 2U, 3U}) {
    const auto all = merged(ramp(100.0, 900.0), threads, 1);
    ASSERT_NEAR(static_cast<double>(all.size()), 1500.0, 1.0) << "(100 + 900) / 2 over 3 s";
    // By the time t (in s): 100 t + 800 / 3 t^2 / 2.
    for (const double s : {0.5, 1.0, 1.5, 2.0, 2.5}) {
      const Time until = kStart + static_cast<std::int64_t>(s * 1e9);
      const auto n = std::ranges::lower_bound(all, until) - all.begin();
      EXPECT_NEAR(static_cast<double>(n), 100 * s + 400.0 / 3 * s * s, 1.0) << s;
    }
  }
  const auto down = merged(ramp(900.0, 100.0), 2, 1);
  EXPECT_NEAR(static_cast<double>(down.size()), 1500.0, 1.0);
  EXPECT_GT(down[1] - down[0], 0);
  EXPECT_LT(down[1] - down[0], down[1499] - down[1498]);
}

TEST(Arrivals, ALevelRampIsConstant) {
  EXPECT_EQ(merged(ramp(50, 50), 2, 1), merged(constant(50), 2, 1));
}

TEST(Arrivals, TraceIsAsListedAndRepeats) {
  for (const unsigned threads : {1U, 2U, 4U}) {
    const auto all = merged(trace({0, 10, 10, 700}, 1000), threads, 1);
    ASSERT_EQ(all.size(), 12U);
    for (std::size_t k = 0; k < 12; ++k) {
      const std::int64_t in_period = std::array<std::int64_t, 4>{0, 10, 10, 700}[k % 4];
      const auto ms = static_cast<std::int64_t>(k / 4) * 1000 + in_period;
      EXPECT_EQ(all[k] - kStart, ms * kMillisecond_ns) << threads << " " << k;
    }
  }
}

TEST(Arrivals, AnEvenTraceRepeatsWithoutASeam) {
  EXPECT_EQ(merged(trace({0, 20, 40, 60}), 1, 1), merged(constant(50), 1, 1));
  EXPECT_DOUBLE_EQ(mean_rate_per_second(trace({0, 20, 40, 60})).value_or(0), 50.0);
}

TEST(Arrivals, TheWarmUpLeadsIntoTheWindow) {
  const Time early{kStart.ns - 250 * kMillisecond_ns};
  // Laws whose arrivals have a place: the window's own are the same whatever came before.
  for (const ArrivalOptions& options :
       {constant(100), on_off(100, 50, 50), ramp(100, 900), trace({0, 10, 700}, 1000)}) {
    for (const unsigned threads : {1U, 3U}) {
      auto with = merged(options, threads, 1, early);
      const auto before = std::ranges::lower_bound(with, kStart) - with.begin();
      const double expected = options.law == Law::on_off ? 20 : options.law == Law::trace ? 0 : 25;
      EXPECT_NEAR(static_cast<double>(before), expected, 1);
      EXPECT_GE(with.front(), early);
      with.erase(with.begin(), with.begin() + before);
      EXPECT_EQ(with, merged(options, threads, 1));
    }
  }
}

TEST(Arrivals, TheSmallestRatesDoNotOverflow) {
  for (const ArrivalOptions& options : {constant(1e-15), on_off(1e-15, 1, 1), ramp(1e-15, 1e-15)}) {
    EXPECT_EQ(merged(options, 1, 1).size(), 1U) << "one at the start, the next never";
  }
  EXPECT_EQ(merged(poisson(1e-15), 1, 1).size(), 0U);
}

TEST(Arrivals, MeanRates) {
  EXPECT_FALSE(mean_rate_per_second({}).has_value());
  EXPECT_DOUBLE_EQ(mean_rate_per_second(ramp(100, 900)).value_or(0), 500.0);
  EXPECT_DOUBLE_EQ(mean_rate_per_second(on_off(1000, 1, 9)).value_or(0), 1000.0);
  EXPECT_DOUBLE_EQ(mean_rate_per_second(trace({0, 1}, 10)).value_or(0), 200.0);
  const ArrivalOptions sessions{
      .law = Law::partly_open, .rate_per_second = 10.0, .requests_mean = 4.0};
  EXPECT_DOUBLE_EQ(mean_rate_per_second(sessions).value_or(0), 40.0);
}

}  // namespace
}  // namespace zyphos
