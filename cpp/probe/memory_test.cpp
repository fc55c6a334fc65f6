// Allocations of this very process: as many more as it makes.
#include "probe/memory.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <system_error>
#include <vector>

#include "probe/memory.bpf.h"
#include "probe/memory_fixture.h"

namespace zyphos {
namespace {

constexpr int kTimes = 1000;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnMalloc = true;
#else
constexpr bool kOwnMalloc = false;
#endif

// The numbers' growth while `work` runs.
std::vector<std::uint64_t> grown(const RoleCounter& counter, const std::function<void()>& work) {
  auto before = counter.counts(Role::server);
  work();
  auto after = counter.counts(Role::server);
  for (std::size_t slot = 0; slot < after.size(); ++slot) after[slot] -= before[slot];
  return after;
}

// Through volatile pointers, or the compiler leaves out what comes to nothing.
void* (*volatile allocate)(std::size_t) = std::malloc;
void* (*volatile clear)(std::size_t, std::size_t) = std::calloc;
void* (*volatile grow)(void*, std::size_t) = std::realloc;
void* (*volatile align)(std::size_t, std::size_t) = std::aligned_alloc;
void (*volatile release)(void*) = std::free;

void work_of_each_kind() {
  for (int time = 0; time < kTimes; ++time) {
    void* block = allocate(40);
    block = grow(block, 100);
    release(block);
    release(clear(3, 5));
    release(align(64, 128));
    release(grow(nullptr, 7));
    release(nullptr);
  }
}

TEST(Allocations, AreAsManyMoreAsThereWere) {
  auto loaded = Allocations::load();
  if (!loaded) GTEST_SKIP() << loaded.error();
  if (kOwnMalloc) GTEST_SKIP() << "the sanitizer has a malloc of its own";
  const std::string libc = libc_file();
  if (libc.empty()) GTEST_SKIP() << "no libc.so among this process's files";
  RoleCounter& counter = (*loaded)->counter();
  counter.follow(getpid(), Role::server);
  (*loaded)->watch(getpid(), libc);
  const auto without = grown(counter, [] {});
  auto more = grown(counter, work_of_each_kind);
  for (std::size_t slot = 0; slot < more.size(); ++slot) more[slot] -= without[slot];
  constexpr std::uint64_t kEach = kTimes;
  EXPECT_EQ(more[MEMORY_SLOT_mallocs], 2 * kEach) << "malloc, and realloc of nothing";
  EXPECT_EQ(more[MEMORY_SLOT_callocs], kEach);
  EXPECT_EQ(more[MEMORY_SLOT_reallocs], kEach);
  EXPECT_EQ(more[MEMORY_SLOT_aligned_allocs], kEach);
  EXPECT_EQ(more[MEMORY_SLOT_frees], 4 * kEach);
  EXPECT_EQ(more[MEMORY_SLOT_allocated_bytes], kEach * (40 + 100 + 15 + 128 + 7));
  counter.forget_all();
  EXPECT_EQ(grown(counter, work_of_each_kind), std::vector<std::uint64_t>(MEMORY_SLOTS));
}

TEST(Allocations, OfAForkedProcessAreNotCountedButTheForkIs) {
  auto loaded = Allocations::load();
  if (!loaded) GTEST_SKIP() << loaded.error();
  RoleCounter& counter = (*loaded)->counter();
  counter.follow(getpid(), Role::server);
  (*loaded)->watch(getpid(), libc_file());
  const auto forked = grown(counter, [] {
    const pid_t child = fork();
    if (child == 0) {
      work_of_each_kind();
      _exit(0);
    }
    waitpid(child, nullptr, 0);
  });
  EXPECT_EQ(forked[MEMORY_SLOT_forks], 1U);
  EXPECT_LT(forked[MEMORY_SLOT_mallocs], std::uint64_t{kTimes});
}

TEST(Allocations, AreNotCountedInAProcessThatIsWatchedNoMore) {
  auto loaded = Allocations::load();
  if (!loaded) GTEST_SKIP() << loaded.error();
  RoleCounter& counter = (*loaded)->counter();
  counter.follow(getpid(), Role::server);
  (*loaded)->watch(getpid(), libc_file());
  (*loaded)->unwatch(getpid());
  EXPECT_EQ(grown(counter, work_of_each_kind), std::vector<std::uint64_t>(MEMORY_SLOTS));
}

TEST(Allocations, NeedAFileThatHasThem) {
  auto loaded = Allocations::load();
  if (!loaded) GTEST_SKIP() << loaded.error();
  EXPECT_THROW((*loaded)->watch(getpid(), "/bin/true"), std::system_error);
}

}  // namespace
}  // namespace zyphos
