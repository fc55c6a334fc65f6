// What the kernel says of this process's own BPF programs: how often each ran and how long.
//
// Time is taken while a BpfStats lives, for every BPF program on the machine, and costs each run of
// one two readings of the clock. The kernel's way to a program (its slow path for traced system
// calls, say) is not in it. Knows no windows: the caller subtracts two readings.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

namespace zyphos {

struct BpfProgramStats {
  std::uint32_t id = 0;
  std::string name;          // as in the source, at most 15 characters
  std::uint64_t runs = 0;    // since loading, while times were taken
  std::uint64_t run_ns = 0;  // in these
  std::uint64_t missed = 0;  // runs that the kernel refused, since the program ran already
};

class BpfStats {
 public:
  // Makes the kernel take times (bpf(BPF_ENABLE_STATS), Linux 5.8). On failure the reason.
  static std::expected<std::unique_ptr<BpfStats>, std::string> enable();
  BpfStats(const BpfStats&) = delete;
  BpfStats& operator=(const BpfStats&) = delete;
  ~BpfStats();

  // Every program that this process holds, by id. Some 10 us each; reads /proc/self/fd.
  std::vector<BpfProgramStats> read() const;

 private:
  explicit BpfStats(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace zyphos
