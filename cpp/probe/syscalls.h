// System calls by role and number, counted in the kernel by syscalls.bpf.c: exact, and read through
// shared memory. Loaded once per run; a trial only says which processes to follow.
//
// Sees native system calls of the thread groups it follows and of what they fork from then on.
// Knows no names (syscall_names.h) and no windows: the caller subtracts two readings. Work that an
// io_uring kernel thread does for a process is no system call and is not counted.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "probe/bpf_loading.h"
#include "probe/syscall_names.h"

struct syscalls_bpf;

namespace zyphos {

class SyscallCounter {
 public:
  using Counts = std::array<std::uint64_t, kSyscallSlots>;

  // Loads and attaches both programs, and measures cost_ns(). On failure the reason: what was
  // tried, the errno, and what mends it; never a counter that counts nothing. Some 10 ms. Needs
  // CAP_BPF and CAP_PERFMON (or root), the kernel's BTF, the initial PID namespace.
  static std::expected<std::unique_ptr<SyscallCounter>, std::string> load();

  SyscallCounter(const SyscallCounter&) = delete;
  SyscallCounter& operator=(const SyscallCounter&) = delete;
  ~SyscallCounter();

  // Follows one process (its thread-group id) and all that it forks from now on. Children that
  // exist already are the caller's to name. Throws std::system_error when the kernel's map is full.
  void follow(pid_t process, Role role) { followed_.follow(process, role); }
  // Forgets every process; counts stay, for they only ever grow.
  void forget_all() { followed_.forget_all(); }

  // Calls entered since loading, by number. No system call, no allocation; cost linear in CPUs.
  // Each slot is read atomically, the array as a whole is not one instant.
  Counts counts(Role role) const;

  // What counting adds to one system call of a followed process, in ns: measured at loading with
  // getppid, before and with the programs (entry slow path included). Negative means not
  // measurable.
  double cost_ns() const { return cost_ns_; }

 private:
  SyscallCounter() = default;

  syscalls_bpf* skeleton_ = nullptr;
  FollowedRoles followed_;
  PerCpuSlots slots_;
  double cost_ns_ = 0;
};

}  // namespace zyphos
