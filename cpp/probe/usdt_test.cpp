// Our USDT points with a BPF program at them: each pass is seen, and none harms the program.
#include "base/usdt.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>

#if ZYPHOS_HAVE_LIBBPF && ZYPHOS_HAVE_USDT
#include "probe/usdt_fixture.h"

namespace zyphos {
namespace {

constexpr std::uint64_t kTimes = 1000;

[[gnu::noinline]] void pass(std::uint64_t value) { ZY_USDT(test_pass, value); }

// Calls nothing, so that a compiler that may leaves its locals below the stack pointer.
[[gnu::noinline]] std::uint64_t leaf(const std::array<std::uint64_t, 8>& values) {
  volatile std::uint64_t kept[8];
  for (std::size_t at = 0; at < 8; ++at) kept[at] = values[at];
  ZY_USDT(test_leaf, &values);
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < 8; ++at) sum += kept[at];
  return sum;
}

TEST(Usdt, EachPassIsSeenWithItsArgumentWhileSomeoneLooks) {
  const auto counter = PointCounter::attach("test_pass", true);
  if (!counter) GTEST_SKIP() << counter.error();
  for (std::uint64_t value = 1; value <= kTimes; ++value) pass(value);
  EXPECT_EQ((*counter)->fired(), kTimes);
  EXPECT_EQ((*counter)->argument_sum(), kTimes * (kTimes + 1) / 2);
  (*counter)->detach();
  pass(1);
  EXPECT_EQ((*counter)->fired(), kTimes);
}

// The kernel replaces the no-op by a call, which pushes what would lie on a red zone.
TEST(Usdt, WhatAFunctionKeepsStaysAsItIs) {
  const auto counter = PointCounter::attach("test_leaf", false);
  if (!counter) GTEST_SKIP() << counter.error();
  std::array<std::uint64_t, 8> values{};
  std::iota(values.begin(), values.end(), 1);
  for (std::uint64_t time = 0; time < kTimes; ++time) ASSERT_EQ(leaf(values), 36U) << time;
  EXPECT_EQ((*counter)->fired(), kTimes);
}

}  // namespace
}  // namespace zyphos

#else

TEST(Usdt, IsNotHere) { GTEST_SKIP() << "no libbpf, or no USDT points on this processor"; }

#endif
