// What the system-call probes add to one system call: getppid plain, with an empty program, and
// with each probe, taken in turns, so that each difference lies within some 20 ms of its plain
// call. Counters: the medians of plain_ns, added_ns and added_ratio (of plain). The empty program
// is the kernel's own part (slow path of traced system calls, the call of a program): no probe at
// the tracepoint can be cheaper. `others` is what a process pays that nobody follows.
#include <benchmark/benchmark.h>

#if ZYPHOS_HAVE_LIBBPF

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "probe/bpf_loading.h"
#include "probe/syscall_latency.h"
#include "probe/syscalls.h"

namespace zyphos {
namespace {

constexpr int kTurns = 31;

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + kTurns / 2);
  return values[kTurns / 2];
}

// A program `return 0` at the entry, the exit, or both; nothing else.
class Empty {
 public:
  explicit Empty(std::vector<const char*> tracepoints) {
    const bpf_insn code[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = BPF_REG_0,
         .src_reg = 0,
         .off = 0,
         .imm = 0},
        {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
    fds_.push_back(
        bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "zy_empty", "GPL", code, 2, nullptr));
    for (const char* name : tracepoints) fds_.push_back(bpf_raw_tracepoint_open(name, fds_[0]));
  }
  Empty(const Empty&) = delete;
  Empty& operator=(const Empty&) = delete;
  ~Empty() {
    for (const int fd : fds_) close(fd);
  }
  bool works() const {
    return std::ranges::all_of(fds_, [](int fd) { return fd >= 0; });
  }

 private:
  std::vector<int> fds_;
};

// Holds what makes system calls dearer, or null where the machine refuses it (then `why`).
using Made = std::shared_ptr<void>;
using Make = std::function<Made(std::string& why)>;

Made empty(std::vector<const char*> tracepoints, std::string& why) {
  auto made = std::make_shared<Empty>(std::move(tracepoints));
  if (!made->works()) why = "no program at a raw tracepoint here";
  return made->works() ? made : nullptr;
}

template <typename Probe>
Made probe(bool followed, std::string& why) {
  auto loaded = Probe::load();
  if (!loaded) {
    why = loaded.error();
    return nullptr;
  }
  if (followed) (*loaded)->follow(getpid(), Role::server);
  return std::shared_ptr<Probe>(std::move(*loaded));
}

void stay_on_this_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
  sched_setaffinity(0, sizeof one, &one);
}

void added(benchmark::State& state, const Make& make) {
  stay_on_this_cpu();
  std::vector<double> plain, more, ratio;
  for (auto _ : state) {
    std::string why;
    const double before_ns = getppid_ns();
    const Made made = make(why);
    if (!made) {
      state.SkipWithError(why.c_str());
      return;
    }
    const double with_ns = getppid_ns();
    plain.push_back(before_ns);
    more.push_back(with_ns - before_ns);
    ratio.push_back(with_ns / before_ns - 1);
  }
  state.counters["plain_ns"] = median(plain);
  state.counters["added_ns"] = median(more);
  state.counters["added_ratio"] = median(ratio);
}

void add(const char* name, const Make& make) {
  benchmark::RegisterBenchmark(name, added, make)
      ->Iterations(kTurns)
      ->Unit(benchmark::kMillisecond);
}

[[maybe_unused]] const bool kRegistered = [] {
  add("getppid/nothing", [](std::string&) { return std::make_shared<int>(); });
  add("getppid/empty_entry", [](std::string& why) { return empty({"sys_enter"}, why); });
  add("getppid/empty_entry_and_exit",
      [](std::string& why) { return empty({"sys_enter", "sys_exit"}, why); });
  add("getppid/count", [](std::string& why) { return probe<SyscallCounter>(true, why); });
  add("getppid/count_others", [](std::string& why) { return probe<SyscallCounter>(false, why); });
  add("getppid/latency", [](std::string& why) { return probe<SyscallLatency>(true, why); });
  add("getppid/latency_others", [](std::string& why) { return probe<SyscallLatency>(false, why); });
  return true;
}();

}  // namespace
}  // namespace zyphos

#endif
