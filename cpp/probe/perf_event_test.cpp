// Events of this very process, which does a known amount of work.
#include "probe/perf_event.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

namespace zyphos {
namespace {

constexpr std::size_t kPages = 64;

void touch_fresh_pages() {
  const std::size_t bytes = kPages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  for (std::size_t page = 0; page < kPages; ++page)
    static_cast<volatile char*>(memory)[page * bytes / kPages] = 1;
  munmap(memory, bytes);
}

TEST(PerfCounters, CountFaultsOfThreadsThatEnded) {
  const std::array processes{getpid()};
  PerfCounters counters(processes);
  const auto event = std::ranges::find(counters.events(), "page_faults_minor", &PerfEvent::name);
  ASSERT_NE(event, counters.events().end());
  if (!event->reason.empty()) GTEST_SKIP() << event->reason;
  const auto before = counters.read(*event);
  std::jthread(touch_fresh_pages).join();
  EXPECT_GE(counters.read(*event).value - before.value, kPages);
}

TEST(PerfCounters, GiveAReasonForAProcessThatIsGone) {
  const std::array<pid_t, 1> processes{0x7fffffff};  // beyond every pid_max
  PerfCounters counters(processes);
  for (const auto& event : counters.events()) EXPECT_EQ(event.reason, "no thread left to count");
}

}  // namespace
}  // namespace zyphos
