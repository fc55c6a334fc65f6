// The histogram's buckets, and the scheduler's numbers of this very process.
#include "probe/role_counter.h"

#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <map>
#include <stdexcept>
#include <string>

#include "probe/histogram.bpf.h"

namespace zyphos {
namespace {

TEST(HistogramSlots, FollowOneAnotherWithoutGaps) {
  EXPECT_EQ(histogram_slot(0), 0U);
  for (unsigned slot = 0; slot + 1 < HISTOGRAM_SLOTS; ++slot) {
    const auto lowest = histogram_lowest(slot), next = histogram_lowest(slot + 1);
    ASSERT_LT(lowest, next);
    ASSERT_EQ(histogram_slot(lowest), slot);
    ASSERT_EQ(histogram_slot(next - 1), slot);
    ASSERT_LE(next - 1 - lowest, lowest / 16) << slot;
  }
  EXPECT_EQ(histogram_slot((1ULL << HISTOGRAM_LIMIT_BITS) - 1), HISTOGRAM_SLOTS - 1U);
  EXPECT_EQ(histogram_slot(~0ULL), HISTOGRAM_SLOTS - 1U);
}

TEST(HistogramSlots, BecomeAHistogramWithin32ndParts) {
  std::vector<std::uint64_t> slots(HISTOGRAM_SLOTS);
  for (int time = 0; time < 99; ++time) ++slots[histogram_slot(1'000'000)];
  ++slots[histogram_slot(7'000'000'000)];
  const Histogram histogram = histogram_of_slots(slots);
  EXPECT_EQ(histogram.count(), 100U);
  EXPECT_NEAR(static_cast<double>(histogram.quantile_ns(0.5)), 1e6, 1e6 / 31);
  EXPECT_NEAR(static_cast<double>(histogram.max_ns()), 7e9, 7e9 / 31);
  slots.pop_back();
  EXPECT_THROW(histogram_of_slots(slots), std::invalid_argument);
}

std::map<std::string, std::uint64_t> numbers(const RoleCounter& counter, Role role) {
  std::map<std::string, std::uint64_t> found;
  const auto counts = counter.counts(role);
  for (const auto& range : counter.layout())
    for (std::size_t slot = 0; slot < range.slots; ++slot)
      found[std::string(range.name)] += counts[range.first + slot];
  return found;
}

TEST(SchedCounter, SeesEachSleepOfThisThread) {
  auto loaded = load_sched_counter();
  if (!loaded) GTEST_SKIP() << loaded.error();
  RoleCounter& counter = **loaded;
  counter.follow(getpid(), Role::server);
  auto before = numbers(counter, Role::server);
  const timespec nap{.tv_sec = 0, .tv_nsec = 200'000};
  for (int time = 0; time < 20; ++time) nanosleep(&nap, nullptr);
  auto after = numbers(counter, Role::server);
  const auto grown = [&](const char* name) { return after.at(name) - before.at(name); };
  EXPECT_EQ(grown("switches_voluntary"), 20U);
  EXPECT_EQ(grown("sleeping_histogram"), 20U);
  EXPECT_GE(grown("sleeping_ns"), 20 * 200'000U);
  EXPECT_EQ(grown("wakeups"), 20U);
  EXPECT_EQ(grown("wakeups_by_own") + grown("wakeups_by_peer"), 0U);
  EXPECT_EQ(grown("run_delay_histogram"), 20U + grown("switches_involuntary"));
  EXPECT_EQ(grown("lost"), 0U);
  EXPECT_EQ(numbers(counter, Role::client).at("switches_voluntary"), 0U);
}

}  // namespace
}  // namespace zyphos
