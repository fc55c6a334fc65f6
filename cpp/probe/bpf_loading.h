// What every loader of BPF programs shares: the reasons why a machine refuses them, the followed
// processes (follow.bpf.h), and the per-CPU slots that a program counts in.
//
// Knows no probe and no skeleton; usable in a build without libbpf, where nothing can be loaded.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct bpf_map;

namespace zyphos {

enum class Role : std::uint8_t { server, client };
inline constexpr unsigned kRoles = 2;

// "syscalls: <tried>: Operation not permitted (errno 1); run as root, or: ...": one line that says
// what was tried, the errno, and what mends it where that is known.
std::string bpf_refusal(std::string_view probe, std::string_view tried, int error);

// Why no BPF program of ours could work here, found without loading one: no libbpf in this build, a
// PID namespace of our own (BPF sees the host's process ids), no BTF. Empty where nothing speaks
// against it. Turns libbpf's own messages off: the reasons carry the errno.
std::string bpf_missing(std::string_view probe);

// Nanoseconds of one getppid, the cheapest system call: the least of several batches, since
// whatever disturbs a batch only adds. Some milliseconds. Before and after attaching, what that
// costs.
double getppid_ns();

// The map `roles` of follow.bpf.h, mapped. Valid as long as the skeleton. Not thread-safe.
class FollowedRoles {
 public:
  FollowedRoles() = default;
  explicit FollowedRoles(const bpf_map* roles);  // after the load
  FollowedRoles(FollowedRoles&& other) noexcept;
  FollowedRoles& operator=(FollowedRoles&& other) noexcept;
  ~FollowedRoles();

  // Follows one process (its thread-group id) and all that it forks from now on. Children that
  // exist already are the caller's to name. Throws std::system_error: ESRCH for what is no process
  // id, the mapping's own errno where the map could not be mapped.
  void follow(pid_t process, Role role) const;
  // Forgets every process. Some 0.1 ms.
  void forget_all() const;

 private:
  std::span<std::uint8_t> roles_;  // by process id: role + 1
  int error_ = 0;
};

// An array [cpu][role][per_role] of 64-bit numbers in the kernel, mapped for reading. Reading costs
// no system call. Each number is read atomically, the array as a whole is not one instant.
class PerCpuSlots {
 public:
  // Sizes an array map for this machine's CPUs; between the skeleton's open and its load. On
  // failure, here and below, the reason.
  static std::optional<std::string> size(std::string_view probe, bpf_map* map,
                                         std::size_t per_role);
  // Maps it; after the load.
  static std::expected<PerCpuSlots, std::string> of(std::string_view probe, const bpf_map* map,
                                                    std::size_t per_role);

  PerCpuSlots() = default;
  PerCpuSlots(PerCpuSlots&& other) noexcept;
  PerCpuSlots& operator=(PerCpuSlots&& other) noexcept;
  ~PerCpuSlots();

  // Adds all CPUs' numbers of a role to `sums`, which has per_role elements. No allocation; linear
  // in CPUs.
  void add(Role role, std::span<std::uint64_t> sums) const;
  // One CPU's numbers as they are, for layouts that cannot be added up: read them atomically.
  std::span<const std::uint64_t> of_cpu(std::size_t cpu, Role role) const {
    return slots_.subspan((cpu * kRoles + static_cast<std::size_t>(role)) * per_role_, per_role_);
  }
  std::size_t cpus() const { return slots_.empty() ? 0 : slots_.size() / per_role_ / kRoles; }

 private:
  std::span<const std::uint64_t> slots_;
  std::size_t per_role_ = 0;
};

}  // namespace zyphos
