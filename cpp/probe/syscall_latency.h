// How long system calls take, by role and number: histograms kept in the kernel by
// syscall_latency.bpf.c, read through shared memory. Loaded once per run; a trial only says which
// processes to follow.
//
// A call counts when it returns: one that never does (exit), or has not yet, is in no histogram.
// The time is from the entry's program to the exit's and includes sleeping; some 20 ns of it are
// the kernel's way between the two programs. Knows no names and no windows: the caller subtracts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "metrics/histogram.h"
#include "probe/bpf_loading.h"
#include "probe/syscall_names.h"

struct syscall_latency_bpf;

namespace zyphos {

class SyscallLatency {
 public:
  // By number, the last (kSyscallSlots - 1) for those that have no row: their sum in ns, then the
  // buckets. Numbers that were never called are missing.
  using Slots = std::vector<std::uint64_t>;
  using Readings = std::map<unsigned, Slots>;

  // Loads and attaches both programs, and measures cost_ns(). Refuses as SyscallCounter::load does.
  static std::expected<std::unique_ptr<SyscallLatency>, std::string> load();

  SyscallLatency(const SyscallLatency&) = delete;
  SyscallLatency& operator=(const SyscallLatency&) = delete;
  ~SyscallLatency();

  // As SyscallCounter's. Calls that were under way when all were forgotten are not measured.
  void follow(pid_t process, Role role) { followed_.follow(process, role); }
  void forget_all();

  // All calls that returned since loading. No system call; linear in CPUs and names. Each number is
  // read atomically, the whole is not one instant.
  Readings read(Role role) const;
  // Calls that could not be measured, since the kernel had no memory for their entry.
  std::uint64_t lost(Role role) const;
  // What measuring adds to one system call of a followed process, in ns: with getppid, before and
  // with the programs. Negative means not measurable.
  double cost_ns() const { return cost_ns_; }

  // A reading (or a difference of two, with its own length) as the store has histograms: each
  // observation as the highest value of its bucket, never below the truth and at most 6.25 % above.
  static Histogram histogram(std::span<const std::uint64_t> slots);

 private:
  SyscallLatency() = default;

  syscall_latency_bpf* skeleton_ = nullptr;
  FollowedRoles followed_;
  PerCpuSlots rows_;
  PerCpuSlots latencies_;
  double cost_ns_ = 0;
};

}  // namespace zyphos
