// What a USDT point costs: a call of a function that does nothing, with a point that nobody looks
// at, and with a BPF program at it that counts, or reads the argument too; what bpftrace attaches
// is such a program. `one_byte` is the no-op that other programs have (sys/sdt.h), where the kernel
// traps: x86-64 kernels from 6.18 on replace a 5-byte one by a call, unless it straddles two pages
// (arch/x86/kernel/uprobes.c, can_optimize). The cost of a point is the difference to `plain`.
#include <benchmark/benchmark.h>

#include "base/usdt.h"

#if ZYPHOS_HAVE_LIBBPF && ZYPHOS_HAVE_USDT

#include <cstdint>

#include "probe/usdt_fixture.h"

namespace zyphos {
namespace {

using Pass = void (*)(std::uint64_t);

[[gnu::noinline]] void plain(std::uint64_t value) { asm volatile("" : : "r"(value)); }
[[gnu::noinline]] void point(std::uint64_t value) { ZY_USDT(bench_point, value); }

#pragma push_macro("ZY_USDT_NOP")
#undef ZY_USDT_NOP
#define ZY_USDT_NOP "nop\n"
[[gnu::noinline]] void one_byte(std::uint64_t value) { ZY_USDT(bench_one_byte, value); }
#pragma pop_macro("ZY_USDT_NOP")

void off(benchmark::State& state, Pass pass) {
  std::uint64_t value = 0;
  for (auto _ : state) pass(++value);
}

void on(benchmark::State& state, Pass pass, const char* name, bool with_argument) {
  const auto counter = PointCounter::attach(name, with_argument);
  if (!counter) {
    state.SkipWithError(counter.error().c_str());
    return;
  }
  pass(0);  // the first one traps in any case
  std::uint64_t value = 0;
  for (auto _ : state) pass(++value);
  const bool seen = (*counter)->fired() == value + 1;
  const std::uint64_t sum = with_argument ? value * (value + 1) / 2 : 0;
  if (!seen || (*counter)->argument_sum() != sum) state.SkipWithError("passes were not seen");
}

BENCHMARK_CAPTURE(off, plain, plain);
BENCHMARK_CAPTURE(off, point, point);
BENCHMARK_CAPTURE(on, point, point, "bench_point", false);
BENCHMARK_CAPTURE(on, point_with_argument, point, "bench_point", true);
BENCHMARK_CAPTURE(on, one_byte, one_byte, "bench_one_byte", false);

}  // namespace
}  // namespace zyphos

#endif
