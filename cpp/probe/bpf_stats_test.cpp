// The kernel's own account of our programs, against calls that are known.
#include "probe/bpf_stats.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "probe/syscalls.h"

namespace zyphos {
namespace {

BpfProgramStats of(const BpfStats& stats, const char* name) {
  const auto all = stats.read();
  const auto found = std::ranges::find(all, name, &BpfProgramStats::name);
  return found == all.end() ? BpfProgramStats{} : *found;
}

TEST(BpfStats, CountsTheRunsOfOurPrograms) {
  auto stats = BpfStats::enable();
  if (!stats) GTEST_SKIP() << stats.error();
  auto counter = SyscallCounter::load();
  if (!counter) GTEST_SKIP() << counter.error();
  const auto before = of(**stats, "count_entry");
  for (int call = 0; call < 1000; ++call) syscall(SYS_getppid);
  const auto after = of(**stats, "count_entry");
  EXPECT_NE(after.id, 0U);
  EXPECT_GE(after.runs - before.runs, 1000U);  // and what others on the machine called
  EXPECT_GT(after.run_ns, before.run_ns);
  EXPECT_EQ(after.missed, 0U);
  counter->reset();
  EXPECT_EQ(of(**stats, "count_entry").id, 0U);
}

}  // namespace
}  // namespace zyphos
