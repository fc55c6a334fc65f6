// Calls of malloc and the like, counted in the kernel by memory.bpf.c at the functions themselves.
// Loaded once per run; a trial says in which processes, and where their allocator is.
//
// Each call that is counted traps into the kernel: microseconds, where the call itself takes some
// ten nanoseconds. Knows no windows: the caller subtracts two readings of counter(). Not
// thread-safe.
#pragma once

#include <sys/types.h>

#include <expected>
#include <memory>
#include <string>

#include "probe/role_counter.h"

namespace zyphos {

class Allocations {
 public:
  // The reason where this machine has no such probe. Some 10 ms. Needs CAP_BPF and CAP_PERFMON (or
  // root), BTF, the initial PID namespace, uprobes (CONFIG_UPROBE_EVENTS).
  static std::expected<std::unique_ptr<Allocations>, std::string> load();
  virtual ~Allocations() = default;

  // Counts the calls that this process makes of the functions of `file`, an ELF file that has
  // malloc and free; others of the family where they are there. It lasts over an exec. Throws
  // std::system_error: ENOENT where one of the two is missing. Its role is counter()'s to know.
  virtual void watch(pid_t process, const std::string& file) = 0;
  // Not in this process any more; nothing where it is not watched. To take a trap away the kernel
  // waits for whoever may be in one: some 0.6 s for them all, and no other can be set meanwhile.
  virtual void unwatch(pid_t process) = 0;
  // The numbers of memory.bpf.h, by name. Valid as long as this.
  virtual RoleCounter& counter() = 0;
};

}  // namespace zyphos
