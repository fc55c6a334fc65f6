// Times of this very process's system calls, and the buckets that they are kept in.
#include "probe/syscall_latency.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "probe/syscall_latency_layout.h"

namespace zyphos {
namespace {

std::uint64_t count_of(const SyscallLatency& latency, unsigned number) {
  const auto readings = latency.read(Role::server);
  const auto found = readings.find(number);
  return found == readings.end() ? 0 : SyscallLatency::histogram(found->second).count();
}

TEST(SyscallLatencyHistogram, TakesTheHighestValueOfABucket) {
  SyscallLatency::Slots slots(LAYOUT_SLOTS);
  const auto only = [&](std::size_t bucket) {
    std::ranges::fill(slots, 0);
    slots[1 + bucket] = 3;
    const auto histogram = SyscallLatency::histogram(slots);
    EXPECT_EQ(histogram.count(), 3U);
    return histogram.max_ns();
  };
  EXPECT_EQ(only(0), 0);
  EXPECT_EQ(only(15), 15);
  EXPECT_EQ(only(16), 16);     // 16 to 31 ns by ones
  EXPECT_EQ(only(32), 33);     // 32 to 63 ns by twos
  EXPECT_EQ(only(111), 1023);  // the last sixteenth below 1024
  EXPECT_EQ(only(LAYOUT_BUCKETS - 1), (std::int64_t{1} << 37) - 1);
}

TEST(SyscallLatency, MeasuresEachCallOfWhatItFollows) {
  auto loaded = SyscallLatency::load();
  if (!loaded) GTEST_SKIP() << loaded.error();
  SyscallLatency& latency = **loaded;
  latency.follow(getpid(), Role::server);
  for (int call = 0; call < 123; ++call) syscall(SYS_getppid);
  EXPECT_EQ(count_of(latency, SYS_getppid), 123U);

  constexpr timespec kSleep{.tv_sec = 0, .tv_nsec = 20'000'000};
  for (int call = 0; call < 3; ++call) syscall(SYS_nanosleep, &kSleep, nullptr);
  const auto slept = latency.read(Role::server).at(SYS_nanosleep);
  const auto histogram = SyscallLatency::histogram(slept);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_GE(slept[0], 60'000'000U);  // the sum is exact
  EXPECT_GE(histogram.min_ns(), 20'000'000);
  EXPECT_GE(static_cast<std::uint64_t>(histogram.max_ns()) * 3, slept[0]);
  EXPECT_FALSE(latency.read(Role::client).contains(SYS_nanosleep));
  EXPECT_EQ(latency.lost(Role::server), 0U);

  latency.forget_all();
  syscall(SYS_getppid);
  EXPECT_EQ(count_of(latency, SYS_getppid), 123U);
}

}  // namespace
}  // namespace zyphos
