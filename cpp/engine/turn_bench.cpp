// What counting a loop's turns costs: one more reading of the clock and its class, beside a turn
// that is not counted and beside the least that a turn does, one system call. Compare within a run.
#include <benchmark/benchmark.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/counters.h"
#include "net/clock.h"

namespace zyphos {
namespace {

// A turn reads the clock when it begins, counted or not.
void not_counted(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(clock_now());
}
BENCHMARK(not_counted);

// As LoopCore::turn_ends() does it.
void counted(benchmark::State& state) {
  Counters counters;
  for (auto _ : state) {
    const Time begun = clock_now();
    counters.turned(clock_now() - begun);
  }
  state.counters["turns"] = static_cast<double>(counters.value(Counter::turns));
}
BENCHMARK(counted);

// Of a turn of so many nanoseconds the class alone, without the clock.
void its_class(benchmark::State& state) {
  Counters counters;
  for (auto _ : state) counters.turned(state.range(0));
  state.counters["turns"] = static_cast<double>(counters.value(Counter::turns));
}
BENCHMARK(its_class)->Arg(5'000)->Arg(50'000'000);

void one_system_call(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(::syscall(SYS_getppid));
}
BENCHMARK(one_system_call);

}  // namespace
}  // namespace zyphos
