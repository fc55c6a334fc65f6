#include "probe/syscall_latency.h"

#include <algorithm>

#include "base/check.h"
#include "probe/syscall_latency_layout.h"

#if ZYPHOS_HAVE_LIBBPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "syscall_latency.skel.h"
#endif

namespace zyphos {
namespace {

static_assert(LAYOUT_NUMBERS == kSyscallSlots);
constexpr std::size_t kLatencies = std::size_t{LAYOUT_ROWS} * LAYOUT_SLOTS;

// The highest value of a bucket, see syscall_latency_layout.h.
std::int64_t highest_at(std::size_t bucket) {
  if (bucket < LAYOUT_STEPS) return static_cast<std::int64_t>(bucket);
  const std::size_t shift = bucket / LAYOUT_STEPS - 1;
  const std::size_t steps = LAYOUT_STEPS + bucket % LAYOUT_STEPS;
  return static_cast<std::int64_t>(((steps + 1) << shift) - 1);
}

void add(SyscallLatency::Readings& readings, unsigned number,
         std::span<const std::uint64_t> slots) {
  auto& sums = readings[number];
  sums.resize(slots.size());
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    sums[slot] += __atomic_load_n(&slots[slot], __ATOMIC_RELAXED);
}

}  // namespace

Histogram SyscallLatency::histogram(std::span<const std::uint64_t> slots) {
  ZY_CHECK(slots.size() == LAYOUT_SLOTS);
  Histogram histogram;
  for (std::size_t bucket = 0; bucket < LAYOUT_BUCKETS; ++bucket)
    if (const auto count = slots[1 + bucket]) histogram.record(highest_at(bucket), count);
  return histogram;
}

SyscallLatency::Readings SyscallLatency::read(Role role) const {
  Readings readings;
  for (std::size_t cpu = 0; cpu < rows_.cpus(); ++cpu) {
    const auto rows = rows_.of_cpu(cpu, role), latencies = latencies_.of_cpu(cpu, role);
    const auto shared = latencies.first(LAYOUT_SLOTS);
    if (std::ranges::any_of(shared, [](std::uint64_t slot) { return slot != 0; }))
      add(readings, LAYOUT_NUMBERS - 1, shared);
    for (unsigned number = 0; number < LAYOUT_NUMBERS; ++number)
      if (const auto row = __atomic_load_n(&rows[number], __ATOMIC_ACQUIRE))
        add(readings, number, latencies.subspan(row * LAYOUT_SLOTS, LAYOUT_SLOTS));
  }
  return readings;
}

std::uint64_t SyscallLatency::lost(Role role) const {
  std::uint64_t sum = 0;
  for (std::size_t cpu = 0; cpu < rows_.cpus(); ++cpu)
    sum += __atomic_load_n(&rows_.of_cpu(cpu, role)[LAYOUT_LOST], __ATOMIC_RELAXED);
  return sum;
}

#if ZYPHOS_HAVE_LIBBPF

namespace {

constexpr std::string_view kProbe = "syscall_latency";

}  // namespace

std::expected<std::unique_ptr<SyscallLatency>, std::string> SyscallLatency::load() {
  const auto refused = [](std::string_view tried, int error) {
    return std::unexpected(bpf_refusal(kProbe, tried, error));
  };
  if (auto missing = bpf_missing(kProbe); !missing.empty()) return std::unexpected(missing);
  std::unique_ptr<SyscallLatency> latency(new SyscallLatency);
  latency->skeleton_ = syscall_latency_bpf__open();
  if (!latency->skeleton_) return refused("open the BPF object", errno);
  const auto& maps = latency->skeleton_->maps;
  if (auto reason = PerCpuSlots::size(kProbe, maps.rows, LAYOUT_ROW_SLOTS))
    return std::unexpected(*reason);
  if (auto reason = PerCpuSlots::size(kProbe, maps.latencies, kLatencies))
    return std::unexpected(*reason);
  if (const int error = syscall_latency_bpf__load(latency->skeleton_))
    return refused("bpf(BPF_PROG_LOAD) tp_btf/sys_enter", -error);
  auto rows = PerCpuSlots::of(kProbe, maps.rows, LAYOUT_ROW_SLOTS);
  if (!rows) return std::unexpected(std::move(rows.error()));
  auto latencies = PerCpuSlots::of(kProbe, maps.latencies, kLatencies);
  if (!latencies) return std::unexpected(std::move(latencies.error()));
  latency->rows_ = std::move(*rows);
  latency->latencies_ = std::move(*latencies);
  latency->followed_ = FollowedRoles(maps.roles);

  const double plain_ns = getppid_ns();
  if (const int error = syscall_latency_bpf__attach(latency->skeleton_))
    return refused("attach tp_btf/sys_enter", -error);
  latency->follow(getpid(), Role::client);
  latency->cost_ns_ = getppid_ns() - plain_ns;
  latency->forget_all();
  return latency;
}

SyscallLatency::~SyscallLatency() { syscall_latency_bpf__destroy(skeleton_); }

void SyscallLatency::forget_all() {
  followed_.forget_all();
  __atomic_add_fetch(&skeleton_->bss->generation, 1, __ATOMIC_RELEASE);
}

#else

std::expected<std::unique_ptr<SyscallLatency>, std::string> SyscallLatency::load() {
  return std::unexpected(bpf_missing("syscall_latency"));
}

// No object of this class exists in a build without libbpf: load() is the only way to one.
SyscallLatency::~SyscallLatency() = default;
void SyscallLatency::forget_all() { followed_.forget_all(); }

#endif

}  // namespace zyphos
