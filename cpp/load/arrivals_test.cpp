#include "load/arrivals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "load/fit.h"

namespace zyphos {
namespace {

constexpr Time kStart{5 * kSecond_ns};

// All threads' arrivals before `end`, in order.
std::vector<Time> merged(const ArrivalOptions& options, unsigned threads, std::uint64_t seed,
                         Time end) {
  std::vector<Time> all;
  Random random(seed);
  for (unsigned thread = 0; thread < threads; ++thread) {
    Arrivals arrivals(options, thread, threads, random.split());
    arrivals.start(kStart);
    for (Time t = arrivals.next(); t < end; t = arrivals.next()) all.push_back(t);
  }
  std::ranges::sort(all);
  return all;
}

TEST(Arrivals, ConstantIsExactHoweverManyThreads) {
  for (const double rate : {1.0, 3.0, 700.0, 99'999.0}) {
    for (const unsigned threads : {1U, 2U, 3U, 7U}) {
      const auto all = merged({.law = Law::constant, .rate_per_second = rate}, threads, 1,
                              kStart + 3 * kSecond_ns);
      ASSERT_EQ(all.size(), static_cast<std::size_t>(3 * rate)) << rate << " " << threads;
      for (std::size_t k = 0; k < all.size(); ++k) {
        const double wanted_ns = 1e9 * static_cast<double>(k) / rate;
        ASSERT_NEAR(static_cast<double>(all[k] - kStart), wanted_ns, 1.0);
      }
    }
  }
}

TEST(Arrivals, PoissonFollowsItsLawAndItsSeed) {
  const ArrivalOptions options{.law = Law::poisson, .rate_per_second = 50'000.0};
  const Window window{kStart, kStart + kSecond_ns};
  for (const unsigned threads : {1U, 4U}) {
    const auto all = merged(options, threads, 42, window.end);
    EXPECT_EQ(all, merged(options, threads, 42, window.end));
    EXPECT_NE(all, merged(options, threads, 43, window.end));
    // Five standard deviations of the count.
    EXPECT_NEAR(static_cast<double>(all.size()), 50'000.0, 5 * std::sqrt(50'000.0));
    Fit fit(Law::poisson, options.rate_per_second);
    fit.window(window);
    for (const Time t : all) fit.sent(t);
    EXPECT_LT(fit.distance().value_or(1.0), 0.02) << "threads " << threads << ", seed 42";
  }
}

TEST(Fit, SeesBunchesAndStalls) {
  const Window window{kStart, kStart + kSecond_ns};
  Fit even(Law::constant, 1000.0);
  Fit stalled(Law::constant, 1000.0);
  Fit bunched(Law::poisson, 1000.0);
  even.window(window);
  stalled.window(window);
  bunched.window(window);
  for (int k = 0; k < 1000; ++k) {
    const Time due = kStart + k * kMillisecond_ns;
    even.sent(due);
    // Nothing for 100 ms, then all of it at once.
    stalled.sent(k >= 400 && k < 500 ? kStart + 500 * kMillisecond_ns : due);
    bunched.sent(kStart + k / 10 * 10 * kMillisecond_ns);
  }
  EXPECT_LT(even.distance().value_or(1.0), 0.002);
  EXPECT_NEAR(stalled.distance().value_or(1.0), 0.1, 0.002);
  EXPECT_GT(bunched.distance().value_or(0.0), 0.5);
}

TEST(Fit, HasNothingToSayOfTheClosedLawOrOfNothing) {
  Fit closed(Law::closed, 0.0);
  closed.window({kStart, kStart + kSecond_ns});
  closed.sent(kStart);
  EXPECT_FALSE(closed.distance().has_value());
  EXPECT_FALSE(Fit(Law::constant, 1.0).distance().has_value());
}

TEST(Fit, MergesByAdding) {
  const Window window{kStart, kStart + kSecond_ns};
  Fit first(Law::constant, 1.0);
  Fit second(Law::constant, 1.0);
  first.window(window);
  second.window(window);
  for (int k = 0; k < 500; ++k) {
    first.sent(kStart + 2 * k * kMillisecond_ns);
    second.sent(kStart + (2 * k + 1) * kMillisecond_ns);
  }
  first.add(second);
  EXPECT_LT(first.distance().value_or(1.0), 0.002);
}

}  // namespace
}  // namespace zyphos
