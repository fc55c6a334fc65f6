// Each law by itself, against what is known of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "link/corrupt.h"
#include "link/delay.h"
#include "link/loss.h"
#include "link/options.h"
#include "link/rate.h"
#include "link/reorder.h"

namespace zyphos::link {
namespace {

constexpr std::uint64_t kSeed = 20260901;
constexpr double kDraws = 400'000;

// Is `count` of `trials` within 3.9 standard deviations (99.99 %) of a share?
::testing::AssertionResult binomial(double count, double trials, double share) {
  const double deviation = std::sqrt(trials * share * (1 - share));
  if (std::abs(count - trials * share) <= 3.9 * deviation) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << count << " of " << trials << ", expected " << trials * share << " +- " << deviation
         << ", seed " << kSeed;
}

struct Moments {
  double mean = 0;
  double deviation = 0;
  double least = 0;
  double most = 0;
  double median = 0;
};

Moments moments_of(const PathOptions& options) {
  Delay delay(options, Random(kSeed));
  std::vector<double> drawn(static_cast<std::size_t>(kDraws));
  double sum = 0;
  double squares = 0;
  for (double& value : drawn) {
    value = static_cast<double>(delay.draw_ns());
    sum += value;
    squares += value * value;
  }
  std::ranges::sort(drawn);
  const double mean = sum / kDraws;
  return {mean, std::sqrt(squares / kDraws - mean * mean), drawn.front(), drawn.back(),
          drawn[drawn.size() / 2]};
}

PathOptions jittered(JitterLaw law) {
  PathOptions options;
  options.delay_ns = 100 * kMillisecond_ns;
  options.jitter_ns = 6 * kMillisecond_ns;
  options.jitter_law = law;
  return options;
}

TEST(Delay, IsConstantWithoutJitter) {
  PathOptions options;
  options.delay_ns = 12'345;
  Delay delay(options, Random(kSeed));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(delay.draw_ns(), 12'345);
}

TEST(Delay, UniformFillsTheWholeInterval) {
  const Moments m = moments_of(jittered(JitterLaw::uniform));
  EXPECT_NEAR(m.mean, 100e6, 6e6 / std::sqrt(3) * 3.9 / std::sqrt(kDraws));
  EXPECT_NEAR(m.deviation, 6e6 / std::sqrt(3), 0.02e6);
  EXPECT_GE(m.least, 94e6);
  EXPECT_LE(m.least, 94.001e6);
  EXPECT_LE(m.most, 106e6);
  EXPECT_GE(m.most, 105.999e6);
}

TEST(Delay, NormalHasItsMeanAndDeviation) {
  const Moments m = moments_of(jittered(JitterLaw::normal));
  EXPECT_NEAR(m.mean, 100e6, 6e6 * 3.9 / std::sqrt(kDraws));
  EXPECT_NEAR(m.deviation, 6e6, 0.03e6);
  EXPECT_NEAR(m.median, 100e6, 0.05e6);
  EXPECT_GT(m.most, 124e6);  // beyond 4 deviations: 13 of 400,000 on each side
  EXPECT_LT(m.least, 76e6);
}

TEST(Delay, ParetoHasItsMeanItsLeastAndATail) {
  const Moments m = moments_of(jittered(JitterLaw::pareto));
  const double unit = 6e6 * 2 / std::sqrt(3);  // of a Pareto law with least value 1
  EXPECT_NEAR(m.mean, 100e6, 6e6 * 3.9 / std::sqrt(kDraws));
  EXPECT_NEAR(m.least, 100e6 - unit / 2, 0.001e6);
  EXPECT_NEAR(m.median, 100e6 + unit * (std::cbrt(2.0) - 1.5), 0.05e6);
  EXPECT_GT(m.most, 100e6 + 20 * unit);  // 1/u^(1/3) > 21.5 in 40 of 400,000
}

TEST(Delay, IsNeverBelowZero) {
  PathOptions options = jittered(JitterLaw::normal);
  options.delay_ns = 0;
  const Moments m = moments_of(options);
  EXPECT_EQ(m.least, 0);
  EXPECT_NEAR(m.median, 0, 0.05e6);
  EXPECT_GT(m.mean, 0);
}

TEST(Loss, RandomIsWithinItsBinomialInterval) {
  for (const double share : {0.0, 0.001, 0.05, 0.5, 1.0}) {
    PathOptions options;
    options.loss = share;
    Loss loss(options, Random(kSeed));
    int lost = 0;
    for (int i = 1; i <= static_cast<int>(kDraws); ++i) {
      lost += loss.loses(static_cast<std::uint64_t>(i)) ? 1 : 0;
    }
    EXPECT_TRUE(binomial(lost, kDraws, share));
  }
}

// Runs of lost packets of a Gilbert-Elliott law.
struct Bursts {
  double lost = 0;
  double count = 0;
};

Bursts bursts_of(double p, double r, double good, double bad) {
  PathOptions options;
  options.loss_law = LossLaw::gilbert_elliott;
  options.loss_p = p;
  options.loss_r = r;
  options.loss_good = good;
  options.loss_bad = bad;
  Loss loss(options, Random(kSeed));
  Bursts out;
  bool before = false;
  for (int i = 1; i <= static_cast<int>(kDraws); ++i) {
    const bool lost = loss.loses(static_cast<std::uint64_t>(i));
    out.lost += lost ? 1 : 0;
    out.count += lost && !before ? 1 : 0;
    before = lost;
  }
  return out;
}

TEST(Loss, GilbertLosesInBurstsOfItsMeanLength) {
  for (const double r : {0.1, 0.25, 1.0}) {
    const double p = 0.01;
    const Bursts bursts = bursts_of(p, r, 0, 1);
    // A burst is geometric: mean 1/r, standard deviation sqrt(1 - r)/r.
    const double slack = 3.9 * std::sqrt(1 - r) / r / std::sqrt(bursts.count);
    EXPECT_NEAR(bursts.lost / bursts.count, 1 / r, slack + 1e-12) << "seed " << kSeed;
    // Cycles are independent: their number is near packets / (1/p + 1/r).
    EXPECT_NEAR(bursts.count, kDraws / (1 / p + 1 / r), 3.9 * std::sqrt(bursts.count));
  }
}

TEST(Loss, ElliottLosesInBothStates) {
  const double p = 0.02;
  const double r = 0.2;
  const Bursts bursts = bursts_of(p, r, 0.01, 0.6);
  const double share = (r * 0.01 + p * 0.6) / (p + r);
  // Correlated: the variance grows by about (1 + c)/(1 - c), c = 1 - p - r.
  const double deviation = std::sqrt(kDraws * share * (1 - share) * (2 - p - r) / (p + r));
  EXPECT_NEAR(bursts.lost, kDraws * share, 3.9 * deviation) << "seed " << kSeed;
}

TEST(Loss, ByIndexLosesExactlyThose) {
  PathOptions options;
  options.loss_law = LossLaw::index;
  options.loss_indices = {7, 3, 3, 1};
  Loss loss(options, Random(kSeed));
  std::vector<std::uint64_t> lost;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    if (loss.loses(i)) lost.push_back(i);
  }
  EXPECT_EQ(lost, (std::vector<std::uint64_t>{1, 3, 7}));
}

TEST(Reorder, LetsItsSharePass) {
  PathOptions options;
  options.reorder = 0.25;
  Reorder reorder(options, Random(kSeed));
  int passed = 0;
  for (int i = 0; i < static_cast<int>(kDraws); ++i) passed += reorder.passes() ? 1 : 0;
  EXPECT_TRUE(binomial(passed, kDraws, 0.25));
}

TEST(Reorder, WithAGapEveryNthPasses) {
  PathOptions options;
  options.reorder = 1.0;
  options.reorder_gap = 5;
  Reorder reorder(options, Random(kSeed));
  for (int i = 1; i <= 50; ++i) EXPECT_EQ(reorder.passes(), i % 5 == 0) << i;
}

TEST(Reorder, WithoutAShareNonePasses) {
  Reorder reorder({}, Random(kSeed));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(reorder.passes());
}

TEST(Corrupt, FlipsOneBitOfItsShareOfPackets) {
  Corrupt corrupt(0.1, Random(kSeed));
  std::array<std::byte, 40> packet{};
  std::array<int, 40> hits{};
  int flipped = 0;
  for (int i = 0; i < static_cast<int>(kDraws); ++i) {
    packet.fill(std::byte{0});
    const bool said = corrupt.flips(packet);
    int bits = 0;
    for (std::size_t b = 0; b < packet.size(); ++b) {
      const int here = std::popcount(std::to_integer<unsigned>(packet[b]));
      bits += here;
      hits[b] += here;
    }
    ASSERT_EQ(bits, said ? 1 : 0);
    flipped += bits;
  }
  EXPECT_TRUE(binomial(flipped, kDraws, 0.1));
  for (const int hit : hits) EXPECT_TRUE(binomial(hit, flipped, 1.0 / 40));
  EXPECT_FALSE(Corrupt(1.0, Random(kSeed)).flips({}));
}

TEST(Rate, IsExactOverAnyTime) {
  // 1500 bytes at 7 Mbit/s take 1,714,285.714... ns: the fraction must not be lost.
  Rate rate(7'000'000);
  Time sent{};
  for (int i = 0; i < 7'000; ++i) sent = rate.send(1500, rate.begins(Time{}));
  EXPECT_EQ(sent.ns, 12 * kSecond_ns);
}

TEST(Rate, AnIdleLineBeginsAtOnce) {
  Rate rate(8'000'000);  // a byte in 1 us
  EXPECT_EQ(rate.send(100, rate.begins(Time{0})).ns, 100'000);
  EXPECT_EQ(rate.begins(Time{50'000}).ns, 100'000);
  EXPECT_EQ(rate.begins(Time{700'000}).ns, 700'000);
  EXPECT_EQ(rate.send(1, Time{700'000}).ns, 701'000);
}

TEST(Rate, WithoutALimitNothingTakesTime) {
  Rate rate(0);
  EXPECT_EQ(rate.send(65'535, rate.begins(Time{5})).ns, 5);
  EXPECT_EQ(rate.begins(Time{5}).ns, 5);
}

TEST(Options, ContradictionsAreSaid) {
  PathOptions queue;
  queue.queue_packets = 5;
  EXPECT_NE(complaint(queue).find("rate_bits_per_second"), std::string::npos);
  PathOptions reorder;
  reorder.reorder = 0.1;
  EXPECT_NE(complaint(reorder).find("delay_ns"), std::string::npos);
  PathOptions burst;
  burst.loss_p = 0.1;
  EXPECT_NE(complaint(burst).find("gilbert-elliott"), std::string::npos);
  PathOptions index;
  index.loss_indices = {3};
  EXPECT_NE(complaint(index).find("loss_law=index"), std::string::npos);
  index.loss_law = LossLaw::index;
  EXPECT_EQ(complaint(index), "");
  index.loss_indices = {0};
  EXPECT_NE(complaint(index).find("from 1"), std::string::npos);
  EXPECT_EQ(complaint(PathOptions{}), "");
}

}  // namespace
}  // namespace zyphos::link
