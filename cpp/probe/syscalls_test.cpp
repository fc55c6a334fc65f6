// System calls of this very process, and their names.
#include "probe/syscalls.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace zyphos {
namespace {

TEST(SyscallName, IsTheKernelsOwn) {
  EXPECT_EQ(syscall_name(SYS_getppid), "getppid");
  EXPECT_EQ(syscall_name(SYS_sendto), "sendto");
  EXPECT_EQ(syscall_name(SYS_io_uring_enter), "io_uring_enter");
  EXPECT_EQ(syscall_name(kSyscallSlots - 1), "");
  EXPECT_EQ(syscall_name(kSyscallSlots), "");
}

TEST(SyscallCounter, CountsExactlyWhatItFollows) {
  auto loaded = SyscallCounter::load();
  if (!loaded) GTEST_SKIP() << loaded.error();
  SyscallCounter& counter = **loaded;
  const auto calls = [&](Role role) { return counter.counts(role)[SYS_getppid]; };
  const auto server = calls(Role::server), client = calls(Role::client);

  counter.follow(getpid(), Role::server);
  for (int call = 0; call < 123; ++call) syscall(SYS_getppid);
  EXPECT_EQ(calls(Role::server) - server, 123U);
  EXPECT_EQ(calls(Role::client), client);

  counter.forget_all();
  syscall(SYS_getppid);
  EXPECT_EQ(calls(Role::server) - server, 123U);
}

}  // namespace
}  // namespace zyphos
