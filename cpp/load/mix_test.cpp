#include "load/mix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace zyphos {
namespace {

LoadOptions listed(const std::vector<double>& weights, unsigned threads = 1) {
  LoadOptions out;
  out.threads = threads;
  for (const double weight : weights) out.requests.push_back({.weight = weight});
  return out;
}

std::vector<std::uint32_t> taken(Mix& mix, std::size_t n) {
  std::vector<std::uint32_t> out;
  for (; out.size() < n; mix.next()) out.push_back(mix.current());
  return out;
}

TEST(Mix, WithoutAListOrWithOneThereIsNothingToChoose) {
  Mix none(LoadOptions{}, 0, Random(1));
  Mix one(listed({5}), 0, Random(1));
  EXPECT_EQ(taken(none, 3), (std::vector<std::uint32_t>{0, 0, 0}));
  EXPECT_EQ(taken(one, 3), (std::vector<std::uint32_t>{0, 0, 0}));
}

TEST(Mix, FollowsTheWeightsAndTheSeed) {
  constexpr std::size_t kN = 100'000;
  const LoadOptions options = listed({6, 1, 3});
  Mix mix(options, 0, Random(4));
  Mix same(options, 0, Random(4));
  Mix other(options, 0, Random(5));
  const auto all = taken(mix, kN);
  EXPECT_EQ(all, taken(same, kN));
  EXPECT_NE(all, taken(other, kN));
  const std::vector<double> shares{0.6, 0.1, 0.3};
  for (std::uint32_t entry = 0; entry < 3; ++entry) {
    const auto n = static_cast<double>(std::ranges::count(all, entry));
    const double p = shares[entry];
    EXPECT_NEAR(n, p * kN, 5 * std::sqrt(p * (1 - p) * kN)) << entry << ", seed 4";
  }
}

TEST(Mix, InOrderTheThreadsTogetherGoThroughTheList) {
  LoadOptions options = listed({1, 1, 1, 1, 1}, 2);
  options.in_order = true;
  Mix first(options, 0, Random(1));
  Mix second(options, 1, Random(1));
  // As constant arrivals are dealt out: 0 2 4 ... and 1 3 5 ...
  EXPECT_EQ(taken(first, 6), (std::vector<std::uint32_t>{0, 2, 4, 1, 3, 0}));
  EXPECT_EQ(taken(second, 6), (std::vector<std::uint32_t>{1, 3, 0, 2, 4, 1}));
}

}  // namespace
}  // namespace zyphos
