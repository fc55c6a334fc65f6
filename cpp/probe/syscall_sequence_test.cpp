// Calls that this process makes, told one by one: numbers, arguments, results, in order.
#include "probe/syscall_sequence.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <vector>

namespace zyphos {
namespace {

constexpr int kNoDescriptor = 1 << 20;

void make_calls() {
  for (long at = 0; at < 3; ++at) syscall(SYS_getppid);
  syscall(SYS_close, kNoDescriptor);
  syscall(SYS_lseek, kNoDescriptor, 77L, SEEK_CUR);
}

// Those that make_calls makes; a sanitizer may make others between them.
std::vector<syscall_done> known(const std::vector<syscall_done>& calls) {
  std::vector<syscall_done> found;
  std::ranges::copy_if(calls, std::back_inserter(found), [](const syscall_done& one) {
    return one.number == SYS_getppid || one.first == kNoDescriptor;
  });
  return found;
}

TEST(SyscallSequence, TellsCallsInOrderWithArgumentsAndResults) {
  auto sequence = SyscallSequence::load();
  if (!sequence) GTEST_SKIP() << sequence.error();
  (*sequence)->follow(getpid(), Role::client);
  make_calls();
  (*sequence)->forget_all();
  make_calls();
  const auto calls = known((*sequence)->take());
  EXPECT_EQ((*sequence)->lost(), 0U);
  ASSERT_EQ(calls.size(), 5U);
  for (std::size_t at = 0; at < 3; ++at) {
    EXPECT_EQ(calls[at].number, static_cast<unsigned>(SYS_getppid));
    EXPECT_EQ(calls[at].result, getppid());
  }
  EXPECT_EQ(calls[3].number, static_cast<unsigned>(SYS_close));
  EXPECT_EQ(calls[3].result, -EBADF);
  EXPECT_EQ(calls[4].second, 77U);
  EXPECT_EQ(calls[4].third, static_cast<unsigned>(SEEK_CUR));
  for (const auto& one : calls) {
    EXPECT_EQ(one.process, static_cast<unsigned>(getpid()));
    EXPECT_EQ(one.role, 1U);
    EXPECT_LE(one.begin_ns, one.end_ns);
  }
  EXPECT_TRUE(std::ranges::is_sorted(calls, {}, &syscall_done::end_ns));
}

TEST(SyscallSequence, KnowsNobodyBeforeTheyAreNamed) {
  auto sequence = SyscallSequence::load();
  if (!sequence) GTEST_SKIP() << sequence.error();
  make_calls();
  EXPECT_TRUE((*sequence)->take().empty());
}

}  // namespace
}  // namespace zyphos
