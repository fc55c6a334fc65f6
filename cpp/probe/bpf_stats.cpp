#include "probe/bpf_stats.h"

#include "probe/bpf_loading.h"

#if ZYPHOS_HAVE_LIBBPF
#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

// Descriptors of this process that are BPF programs.
std::vector<int> program_fds() {
  std::vector<int> fds;
  std::error_code gone;  // a descriptor may close meanwhile
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", gone)) {
    if (std::filesystem::read_symlink(entry.path(), gone) != "anon_inode:bpf-prog") continue;
    const std::string name = entry.path().filename();
    int fd = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec == std::errc{})
      fds.push_back(fd);
  }
  return fds;
}

}  // namespace

std::expected<std::unique_ptr<BpfStats>, std::string> BpfStats::enable() {
  if (auto missing = bpf_missing("bpf_stats"); !missing.empty()) return std::unexpected(missing);
  const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (fd < 0) return std::unexpected(bpf_refusal("bpf_stats", "bpf(BPF_ENABLE_STATS)", errno));
  return std::unique_ptr<BpfStats>(new BpfStats(fd));
}

BpfStats::~BpfStats() { close(fd_); }

std::vector<BpfProgramStats> BpfStats::read() const {
  std::vector<BpfProgramStats> found;
  for (const int fd : program_fds()) {
    bpf_prog_info info{};
    __u32 bytes = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &bytes) != 0) continue;
    found.push_back({.id = info.id,
                     .name = info.name,
                     .runs = info.run_cnt,
                     .run_ns = info.run_time_ns,
                     .missed = info.recursion_misses});
  }
  std::ranges::sort(found, {}, &BpfProgramStats::id);
  const auto [first, last] = std::ranges::unique(found, {}, &BpfProgramStats::id);
  found.erase(first, last);
  return found;
}

#else

std::expected<std::unique_ptr<BpfStats>, std::string> BpfStats::enable() {
  return std::unexpected(bpf_missing("bpf_stats"));
}

BpfStats::~BpfStats() = default;
std::vector<BpfProgramStats> BpfStats::read() const { return {}; }

#endif

}  // namespace zyphos
