// A BPF program at USDT points of this very program, for usdt_test.cpp and usdt_bench.cpp. Only
// where libbpf and our points are.
#pragma once

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <utility>

#include "probe/bpf_loading.h"

#define _Bool bool  // bpftool writes C's name of it
#include "usdt.skel.h"
#undef _Bool

namespace zyphos {

enum class Counted : std::uint8_t { nothing, passes, argument };

class PointCounter {
 public:
  // `point`: its name, of provider zyphos; in this process alone. On failure, the reason.
  static std::expected<std::unique_ptr<PointCounter>, std::string> attach(const char* point,
                                                                          Counted counted) {
    const auto refused = [](const char* tried, int error) {
      return std::unexpected(bpf_refusal("usdt", tried, error));
    };
    if (auto missing = bpf_missing("usdt"); !missing.empty()) return std::unexpected(missing);
    std::unique_ptr<PointCounter> counter(new PointCounter(usdt_bpf__open()));
    usdt_bpf* skeleton = counter->skeleton_;
    if (!skeleton) return refused("open the BPF object", errno);
    if (const int error = usdt_bpf__load(skeleton)) return refused("bpf(BPF_PROG_LOAD)", -error);
    const auto& programs = skeleton->progs;
    const auto* program = counted == Counted::argument ? programs.on_argument
                          : counted == Counted::passes ? programs.on_point
                                                       : programs.on_point_empty;
    counter->link_ =
        bpf_program__attach_usdt(program, 0, "/proc/self/exe", "zyphos", point, nullptr);
    if (!counter->link_) return refused("attach to a USDT point", errno);
    return counter;
  }
  PointCounter(const PointCounter&) = delete;
  PointCounter& operator=(const PointCounter&) = delete;
  ~PointCounter() {
    detach();
    usdt_bpf__destroy(skeleton_);
  }

  void detach() { bpf_link__destroy(std::exchange(link_, nullptr)); }
  std::uint64_t fired() const { return __atomic_load_n(&skeleton_->bss->fired, __ATOMIC_RELAXED); }
  std::uint64_t argument_sum() const {
    return __atomic_load_n(&skeleton_->bss->argument_sum, __ATOMIC_RELAXED);
  }

 private:
  explicit PointCounter(usdt_bpf* skeleton) : skeleton_(skeleton) {}

  usdt_bpf* skeleton_;
  bpf_link* link_ = nullptr;
};

}  // namespace zyphos
