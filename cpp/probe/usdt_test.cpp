// Our USDT points with a BPF program at them: each pass is seen, and none harms the program.
#include "base/usdt.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <numeric>

#if ZYPHOS_HAVE_LIBBPF && ZYPHOS_HAVE_USDT
#include "probe/usdt_fixture.h"

namespace zyphos {
namespace {

constexpr std::uint64_t kTimes = 1000;

[[gnu::noinline]] void pass(std::uint64_t value) { ZY_USDT(test_pass, value); }

// A caller that knew the value would make it a constant of the point's.
[[gnu::noipa]] void pass_signed(int value) { ZY_USDT(test_signed, value); }
[[gnu::noipa]] void pass_in_memory(const std::uint64_t* value) { ZY_USDT(test_memory, *value); }
void pass_constant() { ZY_USDT(test_constant, 7); }

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
  const auto counter = PointCounter::attach("test_pass", Counted::argument);
  if (!counter) GTEST_SKIP() << counter.error();
  for (std::uint64_t value = 1; value <= kTimes; ++value) pass(value);
  EXPECT_EQ((*counter)->fired(), kTimes);
  EXPECT_EQ((*counter)->argument_sum(), kTimes * (kTimes + 1) / 2);
  (*counter)->detach();
  pass(1);
  EXPECT_EQ((*counter)->fired(), kTimes);
}

// The sum of the arguments of kTimes passes.
std::uint64_t seen(const char* point, const std::function<void()>& pass_once) {
  const auto counter = PointCounter::attach(point, Counted::argument);
  if (!counter) return 0;
  for (std::uint64_t time = 0; time < kTimes; ++time) pass_once();
  return (*counter)->argument_sum();
}

TEST(Usdt, AnArgumentIsReadWhereverItLies) {
  if (const auto able = PointCounter::attach("test_signed", Counted::nothing); !able)
    GTEST_SKIP() << able.error();
  EXPECT_EQ(seen("test_signed", [] { pass_signed(-3); }), -3 * kTimes) << "4 bytes and a sign";
  EXPECT_EQ(seen("test_constant", pass_constant), 7 * kTimes);
  std::uint64_t value = 11;
  EXPECT_EQ(seen("test_memory", [&] { pass_in_memory(&value); }), 11 * kTimes);
}

// The kernel replaces the no-op by a call, which pushes what would lie on a red zone.
TEST(Usdt, WhatAFunctionKeepsStaysAsItIs) {
  const auto counter = PointCounter::attach("test_leaf", Counted::passes);
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
