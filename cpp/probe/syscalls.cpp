#include "probe/syscalls.h"

#include <string_view>

#if ZYPHOS_HAVE_LIBBPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <limits>
#include <system_error>
#include <vector>

#include "syscalls.skel.h"

namespace zyphos {
namespace {

// PROC_PID_INIT_INO: the inode number of the initial PID namespace (include/linux/proc_ns.h).
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;

std::string reason(std::string_view tried, int error) {
  std::string text =
      "syscalls: " + std::string(tried) + ": " + std::generic_category().message(error);
  if (error == EPERM || error == EACCES)
    return text + " (errno " + std::to_string(error) +
           "); run as root, or: sudo setcap cap_bpf,cap_perfmon+ep $(readlink -f $(which python))";
  return text + " (errno " + std::to_string(error) + ")";
}

std::string pid_namespace_reason() {
  struct stat status{};
  if (stat("/proc/self/ns/pid", &status) != 0) return reason("stat /proc/self/ns/pid", errno);
  if (status.st_ino == kInitialPidNamespace) return {};
  return "syscalls: this process is in a PID namespace of its own, where BPF sees other process "
         "ids; "
         "run on the host, or: docker run --pid=host";
}

std::string btf_reason() {
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0) return {};
  return reason("read /sys/kernel/btf/vmlinux", errno) +
         "; the kernel has to be built with CONFIG_DEBUG_INFO_BTF";
}

// Nanoseconds of one getppid, the cheapest system call: the least of several batches, since
// whatever disturbs a batch only adds.
double syscall_ns() {
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

}  // namespace

std::expected<std::unique_ptr<SyscallCounter>, std::string> SyscallCounter::load() {
  for (const auto& missing : {pid_namespace_reason(), btf_reason()})
    if (!missing.empty()) return std::unexpected(missing);
  // The reason below carries the errno; libbpf's own lines would only clutter the terminal.
  libbpf_set_print(nullptr);
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return std::unexpected(reason("count CPUs", -cpus));

  std::unique_ptr<SyscallCounter> counter(new SyscallCounter);
  counter->skeleton_ = syscalls_bpf__open();
  if (!counter->skeleton_) return std::unexpected(reason("open the BPF object", errno));
  const auto slots = static_cast<std::size_t>(cpus) * kRoles * kSyscallSlots;
  auto* map = counter->skeleton_->maps.counts;
  if (const int error = bpf_map__set_max_entries(map, static_cast<__u32>(slots)))
    return std::unexpected(reason("size the BPF map", -error));
  if (const int error = syscalls_bpf__load(counter->skeleton_))
    return std::unexpected(reason("bpf(BPF_PROG_LOAD) tp_btf/sys_enter", -error));

  counter->mapped_bytes_ = slots * sizeof(std::uint64_t);
  void* memory = mmap(nullptr, counter->mapped_bytes_, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) return std::unexpected(reason("mmap the BPF map", errno));
  counter->slots_ = {static_cast<const std::uint64_t*>(memory), slots};

  const double plain_ns = syscall_ns();
  if (const int error = syscalls_bpf__attach(counter->skeleton_))
    return std::unexpected(reason("attach tp_btf/sys_enter", -error));
  counter->follow(getpid(), Role::client);
  counter->cost_ns_ = syscall_ns() - plain_ns;
  counter->forget_all();
  return counter;
}

SyscallCounter::~SyscallCounter() {
  if (!slots_.empty())
    munmap(const_cast<std::uint64_t*>(slots_.data()), mapped_bytes_);  // NOLINT: mapped by us
  syscalls_bpf__destroy(skeleton_);
}

void SyscallCounter::follow(pid_t process, Role role) {
  const auto key = static_cast<__u32>(process);
  const auto value = static_cast<__u32>(role);
  const int map = bpf_map__fd(skeleton_->maps.roles);
  if (bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0)
    throw std::system_error(errno, std::system_category(), "follow a process's system calls");
}

void SyscallCounter::forget_all() {
  const int map = bpf_map__fd(skeleton_->maps.roles);
  __u32 key = 0;
  // A deleted key restarts the walk, hence always the first one; a fork may have removed it
  // already.
  while (bpf_map_get_next_key(map, nullptr, &key) == 0) bpf_map_delete_elem(map, &key);
}

SyscallCounter::Counts SyscallCounter::counts(Role role) const {
  Counts sums{};
  const std::size_t stride = kRoles * kSyscallSlots;
  for (std::size_t base = static_cast<std::size_t>(role) * kSyscallSlots; base < slots_.size();
       base += stride)
    for (std::size_t number = 0; number < kSyscallSlots; ++number)
      sums[number] += __atomic_load_n(&slots_[base + number], __ATOMIC_RELAXED);
  return sums;
}

}  // namespace zyphos

#else

namespace zyphos {

std::expected<std::unique_ptr<SyscallCounter>, std::string> SyscallCounter::load() {
  return std::unexpected(std::string("syscalls: ") + ZYPHOS_NO_LIBBPF_REASON +
                         "; sudo apt install libbpf-dev clang bpftool, then build again");
}

// No object of this class exists in a build without libbpf: load() is the only way to one.
SyscallCounter::~SyscallCounter() = default;
void SyscallCounter::follow(pid_t, Role) {}
void SyscallCounter::forget_all() {}
SyscallCounter::Counts SyscallCounter::counts(Role) const { return {}; }

}  // namespace zyphos

#endif
