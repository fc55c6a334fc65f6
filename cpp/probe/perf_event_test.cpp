// Events of this very process, which does a known amount of work.
#include "probe/perf_event.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <functional>
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

TEST(PerfCounters, KeepThreadsApart) {
  std::barrier gate(3);
  pid_t busy_id = 0;
  pid_t calm_id = 0;
  const auto act = [&gate](pid_t& id, bool faults) {
    id = gettid();
    gate.arrive_and_wait();  // both are there
    gate.arrive_and_wait();  // the counters are open
    if (faults) touch_fresh_pages();
    gate.arrive_and_wait();  // the work is done
    gate.arrive_and_wait();  // and read
  };
  std::jthread busy(act, std::ref(busy_id), true);
  std::jthread calm(act, std::ref(calm_id), false);
  gate.arrive_and_wait();
  const std::array processes{getpid()};
  PerfCounters counters(processes);
  gate.arrive_and_wait();
  gate.arrive_and_wait();
  const auto event = std::ranges::find(counters.events(), "page_faults_minor", &PerfEvent::name);
  const auto faults_of = [&](pid_t thread) {
    const auto at = std::ranges::find(counters.threads(), thread, &PerfThread::thread);
    return counters.read(*event, static_cast<std::size_t>(at - counters.threads().begin()))->value;
  };
  if (event->reason.empty()) {
    EXPECT_GE(faults_of(busy_id), kPages);
    EXPECT_LT(faults_of(calm_id), kPages);
    EXPECT_GE(counters.read(*event).value, faults_of(busy_id) + faults_of(calm_id));
  }
  gate.arrive_and_wait();
  if (!event->reason.empty()) GTEST_SKIP() << event->reason;
}

TEST(PerfCounters, GiveAReasonForAProcessThatIsGone) {
  const std::array<pid_t, 1> processes{0x7fffffff};  // beyond every pid_max
  PerfCounters counters(processes);
  for (const auto& event : counters.events()) EXPECT_EQ(event.reason, "no thread left to count");
}

}  // namespace
}  // namespace zyphos
