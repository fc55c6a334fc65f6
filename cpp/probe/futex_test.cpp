// A lock that is held while another thread wants it: as many waits as that happens, each as long as
// both threads' own clocks say.
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "probe/role_counter.h"

namespace zyphos {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kRounds = 20;
constexpr auto kHold = 10ms;

std::map<std::string, std::uint64_t> numbers(const RoleCounter& counter) {
  std::map<std::string, std::uint64_t> found;
  const auto counts = counter.counts(Role::server);
  for (const auto& range : counter.layout())
    for (std::size_t slot = 0; slot < range.slots; ++slot)
      found[std::string(range.name)] += counts[range.first + slot];
  return found;
}

void spin_until(const std::atomic<int>& number, int value) {
  while (number.load() != value) std::this_thread::yield();
}

// Returns when the thread is in a futex call (proc(5), /proc/PID/syscall: the number comes first).
void spin_until_waiting(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/syscall";
  const std::string wanted = std::to_string(SYS_futex);
  for (std::string word; word != wanted;) std::ifstream(path) >> word;
}

// Threads meet by spinning, since most else is a futex call as well.
struct Contention {
  std::mutex lock;
  std::atomic<int> held = 0, got = 0;
  std::atomic<pid_t> waiter = 0;
  nanoseconds waited{0};

  void wait_each_round() {
    waiter = static_cast<pid_t>(syscall(SYS_gettid));
    for (int round = 1; round <= kRounds; ++round) {
      spin_until(held, round);
      const auto start = steady_clock::now();
      lock.lock();
      waited += steady_clock::now() - start;
      lock.unlock();
      got = round;
    }
  }

  // How long the other thread was certainly waiting.
  nanoseconds hold_each_round() {
    nanoseconds held_for{0};
    for (int round = 1; round <= kRounds; ++round) {
      lock.lock();
      held = round;
      spin_until_waiting(waiter);
      const auto start = steady_clock::now();
      while (steady_clock::now() - start < kHold) std::this_thread::yield();
      held_for += steady_clock::now() - start;
      lock.unlock();
      spin_until(got, round);
    }
    return held_for;
  }
};

std::int64_t signed_of(std::uint64_t number) { return static_cast<std::int64_t>(number); }

TEST(FutexCounter, SeesEachWaitForALockAndHowLongItWas) {
  auto loaded = load_futex_counter();
  if (!loaded) GTEST_SKIP() << loaded.error();
  RoleCounter& counter = **loaded;
  Contention contention;
  std::thread other([&] { contention.wait_each_round(); });
  while (contention.waiter == 0) std::this_thread::yield();
  counter.follow(getpid(), Role::server);
  auto before = numbers(counter);
  const nanoseconds held = contention.hold_each_round();
  auto after = numbers(counter);
  other.join();
  const auto grown = [&](const char* name) { return after.at(name) - before.at(name); };
  EXPECT_EQ(grown("waits"), std::uint64_t{kRounds});
  EXPECT_EQ(grown("waits_woken"), std::uint64_t{kRounds});
  EXPECT_EQ(grown("waits_bitset"), 0U);
  EXPECT_EQ(grown("wait_histogram"), std::uint64_t{kRounds});
  EXPECT_GE(signed_of(grown("wait_ns")), held.count());
  EXPECT_LE(signed_of(grown("wait_ns")), contention.waited.count());
  EXPECT_GE(grown("woken"), std::uint64_t{kRounds});
  EXPECT_EQ(grown("lost"), 0U);
}

TEST(FutexCounter, CountsWhatItDoesNotSleepFor) {
  auto loaded = load_futex_counter();
  if (!loaded) GTEST_SKIP() << loaded.error();
  RoleCounter& counter = **loaded;
  counter.follow(getpid(), Role::server);
  unsigned word = 1;
  auto before = numbers(counter);
  for (int time = 0; time < 7; ++time)
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, nullptr, nullptr, 0);
  for (int time = 0; time < 5; ++time)
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  auto after = numbers(counter);
  const auto grown = [&](const char* name) { return after.at(name) - before.at(name); };
  EXPECT_EQ(grown("calls"), 12U);
  EXPECT_EQ(grown("waits"), 7U);
  EXPECT_EQ(grown("waits_changed"), 7U);
  EXPECT_EQ(grown("wait_ns") + grown("wait_histogram"), 0U);
  EXPECT_EQ(grown("wakes"), 5U);
  EXPECT_EQ(grown("wakes_empty"), 5U);
  EXPECT_EQ(grown("woken"), 0U);
}

}  // namespace
}  // namespace zyphos
