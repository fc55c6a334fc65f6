// What a USDT point costs beside a call of a function that does nothing: one that nobody looks at,
// and with a BPF program at it that does nothing, counts, or reads the argument too; what bpftrace
// attaches is such a program. The empty program is the kernel's own part: no program can be
// cheaper. `one_byte` is the no-op that other programs have (sys/sdt.h), where the kernel traps:
// x86-64 kernels from 6.18 on replace a 5-byte one by a call, unless it straddles two pages
// (arch/x86/kernel/uprobes.c, can_optimize).
//
// A point that is on is a system call, so the cheapest one, getppid, is the measure: how fast it is
// says how fast the machine is at that moment. Call, getppid and point are taken in turns;
// counters: the medians of plain_ns, getppid_ns, added_ns (point less call), and of added_getppids,
// added_ns in that turn's getppids.
#include <benchmark/benchmark.h>

#include "base/usdt.h"

#if ZYPHOS_HAVE_LIBBPF && ZYPHOS_HAVE_USDT

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "probe/usdt_fixture.h"

namespace zyphos {
namespace {

constexpr int kTurns = 1000;
constexpr std::uint64_t kPasses = 200;  // of a turn: some 60 us where the point is on
constexpr std::uint64_t kCalls = 2000;

using Pass = void (*)(std::uint64_t);

[[gnu::noinline]] void plain(std::uint64_t value) { asm volatile("" : : "r"(value)); }
void cheapest(std::uint64_t) { syscall(SYS_getppid); }
[[gnu::noinline]] void point(std::uint64_t value) { ZY_USDT(bench_point, value); }

#pragma push_macro("ZY_USDT_NOP")
#undef ZY_USDT_NOP
#define ZY_USDT_NOP "nop\n"
[[gnu::noinline]] void one_byte(std::uint64_t value) { ZY_USDT(bench_one_byte, value); }
#pragma pop_macro("ZY_USDT_NOP")

double ns_of(Pass pass, std::uint64_t times) {
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t value = 1; value <= times; ++value) pass(value);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / static_cast<double>(times);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void in_turns(benchmark::State& state, Pass pass) {
  std::vector<double> plains, getppids, added, ratios;
  for (auto _ : state) {
    plains.push_back(ns_of(plain, kCalls));
    getppids.push_back(ns_of(cheapest, kPasses));
    added.push_back(ns_of(pass, kPasses) - plains.back());
    ratios.push_back(added.back() / getppids.back());
  }
  state.counters["plain_ns"] = median(plains);
  state.counters["getppid_ns"] = median(getppids);
  state.counters["added_ns"] = median(added);
  state.counters["added_getppids"] = median(ratios);
}

void off(benchmark::State& state, Pass pass) { in_turns(state, pass); }

void on(benchmark::State& state, Pass pass, const char* name, Counted counted) {
  const auto counter = PointCounter::attach(name, counted);
  if (!counter) {
    state.SkipWithError(counter.error().c_str());
    return;
  }
  pass(0);  // the first one traps in any case
  in_turns(state, pass);
  const std::uint64_t passes = counted == Counted::nothing ? 0 : kTurns * kPasses + 1;
  const std::uint64_t sum = counted == Counted::argument ? kTurns * kPasses * (kPasses + 1) / 2 : 0;
  const bool seen = (*counter)->fired() == passes;
  if (!seen || (*counter)->argument_sum() != sum) state.SkipWithError("passes were not seen");
}

#define TURNS Iterations(kTurns)->Unit(benchmark::kMicrosecond)
BENCHMARK_CAPTURE(off, plain, plain)->TURNS;
BENCHMARK_CAPTURE(off, point, point)->TURNS;
BENCHMARK_CAPTURE(on, point_empty, point, "bench_point", Counted::nothing)->TURNS;
BENCHMARK_CAPTURE(on, point, point, "bench_point", Counted::passes)->TURNS;
BENCHMARK_CAPTURE(on, point_with_argument, point, "bench_point", Counted::argument)->TURNS;
BENCHMARK_CAPTURE(on, one_byte, one_byte, "bench_one_byte", Counted::passes)->TURNS;

}  // namespace
}  // namespace zyphos

#endif
