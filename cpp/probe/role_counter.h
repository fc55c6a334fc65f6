// Numbers that a BPF program keeps for each role, read by name: what the probes of that kind share.
//
// A probe's numbers are one array per role and CPU; its layout says which name is where, and a
// histogram (histogram.bpf.h) is a name with HISTOGRAM_SLOTS of them. They only ever grow: the
// caller subtracts two readings. Knows no skeleton: loaded_counter.h makes one of any.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/histogram.h"
#include "probe/bpf_loading.h"

namespace zyphos {

struct SlotRange {
  std::string_view name;
  std::size_t first = 0;
  std::size_t slots = 1;  // 1: a number; HISTOGRAM_SLOTS: a histogram
};

// Not thread-safe.
class RoleCounter {
 public:
  RoleCounter(const RoleCounter&) = delete;
  RoleCounter& operator=(const RoleCounter&) = delete;
  virtual ~RoleCounter() = default;

  // As FollowedRoles.
  virtual void follow(pid_t process, Role role) = 0;
  virtual void forget_all() = 0;
  // What began before `time_ns` (CLOCK_MONOTONIC) counts from then on, where the program says so.
  virtual void set_epoch(std::int64_t time_ns) = 0;

  // All numbers of a role since loading, in the layout's order; one allocation.
  virtual std::vector<std::uint64_t> counts(Role role) const = 0;
  // Constant for the probe.
  std::span<const SlotRange> layout() const { return layout_; }

 protected:
  explicit RoleCounter(std::span<const SlotRange> layout) : layout_(layout) {}

 private:
  std::span<const SlotRange> layout_;
};

using CounterOrReason = std::expected<std::unique_ptr<RoleCounter>, std::string>;

// A histogram of such slots, each bucket's observations at its middle: within 3.2 % of the truth.
// Throws std::invalid_argument where it is not HISTOGRAM_SLOTS long.
Histogram histogram_of_slots(std::span<const std::uint64_t> slots);

// Scheduler: sched.bpf.h lists the numbers. The reason where this machine has no such probe; some
// 10 ms. Needs CAP_BPF and CAP_PERFMON (or root), BTF, the initial PID namespace, Linux 5.18.
CounterOrReason load_sched_counter();

// Futex system calls: futex.bpf.h lists the numbers. As above, from Linux 5.11 on.
CounterOrReason load_futex_counter();

// io_uring: uring.bpf.h lists the numbers, one of each opcode besides. As above, where the kernel
// has io_uring's tracepoints.
CounterOrReason load_uring_counter();

}  // namespace zyphos
