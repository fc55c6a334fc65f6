// The small things that everything stands on.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "base/address.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/error.h"
#include "base/random.h"
#include "base/time.h"

namespace zyphos {
namespace {

TEST(Address, ReadsAndPrintsIpv4) {
  const auto address = Address::parse("192.168.0.1", 8080);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->text(), "192.168.0.1:8080");
  EXPECT_EQ(*Address::parse("127.0.0.1", 5), Address::loopback(5));
}

TEST(Address, ReadsAndPrintsIpv6) {
  EXPECT_EQ(Address::parse("::1", 80)->text(), "[::1]:80");
  EXPECT_EQ(Address::parse("::", 80)->text(), "[::]:80");
  EXPECT_EQ(Address::parse("fe80::2", 1)->text(), "[fe80:0:0:0:0:0:0:2]:1");
  EXPECT_EQ(Address::parse("1:2:3:4:5:6:7:8", 1)->text(), "[1:2:3:4:5:6:7:8]:1");
  EXPECT_EQ(*Address::parse("0:0:0:0:0:0:0:1", 1), *Address::parse("::1", 1));
}

TEST(Address, RefusesEverythingElseWithALine) {
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "1..2.3", "localhost",
                           ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
                           "12345::", "::g", "1:2:3:4:5:6:7:8::"}) {
    const auto address = Address::parse(text, 1);
    ASSERT_FALSE(address) << text;
    EXPECT_NE(address.error().find(text), std::string::npos);
  }
}

TEST(Error, EveryCodeHasItsNameAndMeaning) {
  EXPECT_EQ(errc_name(Errc::ok), "ok");
  EXPECT_EQ(errc_name(Errc::system), "system");
  std::set<std::string_view> names;
  for (unsigned i = 0; i < kErrcCount; ++i) {
    names.insert(errc_name(static_cast<Errc>(i)));
    EXPECT_GT(errc_text(static_cast<Errc>(i)).size(), 5U);
  }
  EXPECT_EQ(names.size(), kErrcCount);
}

TEST(Counters, CountByNameAndErrorCode) {
  Counters counters;
  counters.add(Counter::requests);
  counters.add(Counter::requests, 2);
  counters.error(Errc::bad_header);
  EXPECT_EQ(counters.value(Counter::requests), 3U);
  EXPECT_EQ(counters.errors(Errc::bad_header), 1U);
  EXPECT_EQ(counters.errors(Errc::ok), 0U);
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < Counters::kCount; ++i) {
    names.insert(Counters::name(i));
    const std::string_view name = Counters::name(i);
    const std::uint64_t expected = name == "requests" ? 3U : name == "error_bad_header" ? 1U : 0U;
    EXPECT_EQ(counters.at(i), expected) << name;
  }
  EXPECT_EQ(names.size(), Counters::kCount);
}

TEST(Time, SaturatesAtNever) {
  EXPECT_TRUE((Time::never() + 1).is_never());
  EXPECT_TRUE((Time{5} + Time::never().ns).is_never());
  EXPECT_EQ((Time{5} + 7).ns, 12);
  EXPECT_EQ(Time{9} - Time{4}, 5);
  EXPECT_LT(Time{9}, Time::never());
}

TEST(Time, TakesNegativeDurationsAndSaturatesBelow) {
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ((Time{5} + -7).ns, -2);
  EXPECT_EQ((Time{-5} + 7).ns, 2);
  EXPECT_EQ((Time{0} + kLeast).ns, kLeast);
  EXPECT_EQ((Time{-1} + kLeast).ns, kLeast);
  EXPECT_EQ((Time{kLeast} + -1).ns, kLeast);
  EXPECT_EQ((Time{kLeast + 1} + -1).ns, kLeast);
  EXPECT_EQ((Time{kLeast} + Time::never().ns).ns, -1);
  EXPECT_TRUE((Time::never() + -1).is_never());
  EXPECT_TRUE((Time::never() + kLeast).is_never());
}

TEST(Random, IsTheSameOnEveryMachine) {
  // xoshiro256** seeded by splitmix64(1): first output of the reference implementation.
  EXPECT_EQ(Random(1).next(), 0xb3f2af6d0fc710c5U);
  Random a(42);
  Random b(42);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a.next(), b.next());
  EXPECT_NE(Random(42).next(), Random(43).next());
}

TEST(Random, StaysInBoundsAndIsSpread) {
  Random random(7);
  std::array<int, 10> seen{};
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    ++seen.at(random.below(10));
    const double unit = random.unit();
    ASSERT_GT(unit, 0);
    ASSERT_LE(unit, 1);
    const double waited = random.exponential(3.0);
    ASSERT_GE(waited, 0);
    sum += waited;
  }
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);  // 5 sigma
  EXPECT_NEAR(sum / 10'000, 3.0, 0.15);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, SplitsAreIndependent) {
  Random parent(7);
  Random child = parent.split();
  std::set<std::uint64_t> values;
  for (int i = 0; i < 1000; ++i) {
    values.insert(parent.next());
    values.insert(child.next());
  }
  EXPECT_EQ(values.size(), 2000U);
}

TEST(Bytes, CopyShortCopiesSoManyAndNoMore) {
  constexpr std::size_t kSize_max = 80;
  std::array<std::byte, kSize_max> from;
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i + 1);
  for (std::size_t n = 0; n <= kSize_max; ++n) {
    std::array<std::byte, kSize_max + 1> to{};
    copy_short(to.data(), from.data(), n);
    for (std::size_t i = 0; i < to.size(); ++i) {
      ASSERT_EQ(to[i], i < n ? from[i] : std::byte{0}) << n << " bytes, at " << i;
    }
  }
}

TEST(CheckDeathTest, SaysWhereAndWhat) {
  ZY_CHECK(1 + 1 == 2);
  EXPECT_DEATH(ZY_CHECK(1 + 1 == 3), "base_test.cpp:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace zyphos
