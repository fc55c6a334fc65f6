#include "probe/bpf_loading.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <system_error>
#include <utility>

#include "base/check.h"

#if ZYPHOS_HAVE_LIBBPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#endif

namespace zyphos {

std::string bpf_refusal(std::string_view probe, std::string_view tried, int error) {
  std::string text = std::string(probe) + ": " + std::string(tried) + ": " +
                     std::generic_category().message(error) + " (errno " + std::to_string(error) +
                     ")";
  if (error == EPERM || error == EACCES)
    text += "; run as root, or: sudo setcap cap_bpf,cap_perfmon+ep $(readlink -f $(which python))";
  return text;
}

double getppid_ns() {
  constexpr int kBatches = 9, kCalls = 1000;
  double least = std::numeric_limits<double>::max();
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < kCalls; ++call) syscall(SYS_getppid);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    least = std::min(least, took.count() / kCalls);
  }
  return least;
}

FollowedRoles::FollowedRoles(FollowedRoles&& other) noexcept
    : roles_(std::exchange(other.roles_, {})), error_(other.error_) {}

FollowedRoles& FollowedRoles::operator=(FollowedRoles&& other) noexcept {
  std::swap(roles_, other.roles_);
  std::swap(error_, other.error_);
  return *this;
}

void FollowedRoles::follow(pid_t process, Role role) const {
  const auto index = static_cast<std::size_t>(process);
  const int error = error_ != 0 ? error_ : process <= 0 || index >= roles_.size() ? ESRCH : 0;
  if (error != 0)
    throw std::system_error(error, std::system_category(), "follow a process in the kernel");
  __atomic_store_n(&roles_[index], static_cast<std::uint8_t>(role) + 1, __ATOMIC_RELAXED);
}

void FollowedRoles::forget_all() const { std::ranges::fill(roles_, std::uint8_t{0}); }

PerCpuSlots::PerCpuSlots(PerCpuSlots&& other) noexcept
    : slots_(std::exchange(other.slots_, {})), per_role_(other.per_role_) {}

PerCpuSlots& PerCpuSlots::operator=(PerCpuSlots&& other) noexcept {
  std::swap(slots_, other.slots_);
  std::swap(per_role_, other.per_role_);
  return *this;
}

void PerCpuSlots::add(Role role, std::span<std::uint64_t> sums) const {
  ZY_CHECK(sums.size() == per_role_);
  for (std::size_t cpu = 0; cpu < cpus(); ++cpu) {
    const auto slots = of_cpu(cpu, role);
    for (std::size_t slot = 0; slot < per_role_; ++slot)
      sums[slot] += __atomic_load_n(&slots[slot], __ATOMIC_RELAXED);
  }
}

#if ZYPHOS_HAVE_LIBBPF

namespace {

// PROC_PID_INIT_INO: the inode number of the initial PID namespace (include/linux/proc_ns.h).
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;

std::string pid_namespace_missing(std::string_view probe) {
  struct stat status{};
  if (stat("/proc/self/ns/pid", &status) != 0)
    return bpf_refusal(probe, "stat /proc/self/ns/pid", errno);
  if (status.st_ino == kInitialPidNamespace) return {};
  return std::string(probe) +
         ": this process is in a PID namespace of its own, where BPF sees other process ids; run "
         "on the host, or: docker run --pid=host";
}

std::string btf_missing(std::string_view probe) {
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) return {};
  return bpf_refusal(probe, "read /sys/kernel/btf/vmlinux", errno) +
         "; the kernel has to be built with CONFIG_DEBUG_INFO_BTF";
}

}  // namespace

std::string bpf_missing(std::string_view probe) {
  libbpf_set_print(nullptr);
  const std::string reason = pid_namespace_missing(probe);
  return reason.empty() ? btf_missing(probe) : reason;
}

FollowedRoles::FollowedRoles(const bpf_map* roles) {
  const std::size_t bytes = std::size_t{bpf_map__max_entries(roles)} * bpf_map__value_size(roles);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(roles), 0);
  if (memory == MAP_FAILED)
    error_ = errno;
  else
    roles_ = {static_cast<std::uint8_t*>(memory), bytes};
}

FollowedRoles::~FollowedRoles() {
  if (!roles_.empty()) munmap(roles_.data(), roles_.size_bytes());
}

std::optional<std::string> PerCpuSlots::size(std::string_view probe, bpf_map* map,
                                             std::size_t per_role) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return bpf_refusal(probe, "count CPUs", -cpus);
  const auto slots = static_cast<std::size_t>(cpus) * kRoles * per_role;
  if (const int error = bpf_map__set_max_entries(map, static_cast<__u32>(slots)))
    return bpf_refusal(probe, "size the BPF map", -error);
  return std::nullopt;
}

std::expected<PerCpuSlots, std::string> PerCpuSlots::of(std::string_view probe, const bpf_map* map,
                                                        std::size_t per_role) {
  const std::size_t count = bpf_map__max_entries(map);
  void* memory =
      mmap(nullptr, count * sizeof(std::uint64_t), PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) return std::unexpected(bpf_refusal(probe, "mmap the BPF map", errno));
  PerCpuSlots mapped;
  mapped.slots_ = {static_cast<const std::uint64_t*>(memory), count};
  mapped.per_role_ = per_role;
  return mapped;
}

PerCpuSlots::~PerCpuSlots() {
  if (!slots_.empty())
    munmap(const_cast<std::uint64_t*>(slots_.data()), slots_.size_bytes());  // NOLINT: mapped by us
}

#else

std::string bpf_missing(std::string_view probe) {
  return std::string(probe) + ": " + ZYPHOS_NO_LIBBPF_REASON +
         "; sudo apt install libbpf-dev clang bpftool, then build again";
}

// Nothing below is reached in a build without libbpf: bpf_missing() speaks against every load.
FollowedRoles::FollowedRoles(const bpf_map*) {}
FollowedRoles::~FollowedRoles() = default;
PerCpuSlots::~PerCpuSlots() = default;

#endif

}  // namespace zyphos
