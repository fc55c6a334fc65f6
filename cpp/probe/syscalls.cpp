#include "probe/syscalls.h"

#if ZYPHOS_HAVE_LIBBPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "syscalls.skel.h"

namespace zyphos {
namespace {

constexpr std::string_view kProbe = "syscalls";

}  // namespace

std::expected<std::unique_ptr<SyscallCounter>, std::string> SyscallCounter::load() {
  const auto refused = [](std::string_view tried, int error) {
    return std::unexpected(bpf_refusal(kProbe, tried, error));
  };
  if (auto missing = bpf_missing(kProbe); !missing.empty()) return std::unexpected(missing);
  std::unique_ptr<SyscallCounter> counter(new SyscallCounter);
  counter->skeleton_ = syscalls_bpf__open();
  if (!counter->skeleton_) return refused("open the BPF object", errno);
  auto* map = counter->skeleton_->maps.counts;
  if (auto reason = PerCpuSlots::size(kProbe, map, kSyscallSlots)) return std::unexpected(*reason);
  if (const int error = syscalls_bpf__load(counter->skeleton_))
    return refused("bpf(BPF_PROG_LOAD) tp_btf/sys_enter", -error);
  auto slots = PerCpuSlots::of(kProbe, map, kSyscallSlots);
  if (!slots) return std::unexpected(std::move(slots.error()));
  counter->slots_ = std::move(*slots);
  counter->followed_ = FollowedRoles(counter->skeleton_->maps.roles);

  const double plain_ns = getppid_ns();
  if (const int error = syscalls_bpf__attach(counter->skeleton_))
    return refused("attach tp_btf/sys_enter", -error);
  counter->follow(getpid(), Role::client);
  counter->cost_ns_ = getppid_ns() - plain_ns;
  counter->forget_all();
  return counter;
}

SyscallCounter::~SyscallCounter() { syscalls_bpf__destroy(skeleton_); }

SyscallCounter::Counts SyscallCounter::counts(Role role) const {
  Counts sums{};
  slots_.add(role, sums);
  return sums;
}

}  // namespace zyphos

#else

namespace zyphos {

std::expected<std::unique_ptr<SyscallCounter>, std::string> SyscallCounter::load() {
  return std::unexpected(bpf_missing("syscalls"));
}

// No object of this class exists in a build without libbpf: load() is the only way to one.
SyscallCounter::~SyscallCounter() = default;
SyscallCounter::Counts SyscallCounter::counts(Role) const { return {}; }

}  // namespace zyphos

#endif
