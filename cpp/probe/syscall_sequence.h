// System calls of followed processes one by one, told by syscall_sequence.bpf.c when they return.
//
// Knows no names (syscall_names.h) and follows no pointers. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "probe/bpf_loading.h"
#include "probe/syscall_sequence.bpf.h"

namespace zyphos {

class SyscallSequence {
 public:
  // The reason where this machine has no such probe. Some 10 ms. Needs CAP_BPF and CAP_PERFMON (or
  // root), BTF, the initial PID namespace, Linux 5.11.
  static std::expected<std::unique_ptr<SyscallSequence>, std::string> load();
  virtual ~SyscallSequence() = default;

  // As FollowedRoles.
  virtual void follow(pid_t process, Role role) = 0;
  virtual void forget_all() = 0;
  // The calls that returned since the last time this was asked, by their end but for moments.
  virtual std::vector<syscall_done> take() = 0;
  // Calls since loading that could not be told: take more often.
  virtual std::uint64_t lost() const = 0;
};

}  // namespace zyphos
