// Cost of one record, beside the cost of the loop that makes the values: compare within one run.
#include <benchmark/benchmark.h>

#include <array>

#include "base/random.h"
#include "metrics/histogram.h"

namespace zyphos {
namespace {

constexpr std::size_t kValues = 4096;

std::array<std::int64_t, kValues> values(double mean_ns) {
  Random random(42);
  std::array<std::int64_t, kValues> out{};
  for (auto& value : out) value = static_cast<std::int64_t>(random.exponential(mean_ns));
  return out;
}

void only_values(benchmark::State& state) {
  const auto input = values(static_cast<double>(state.range(0)));
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(input[i++ % kValues]);
}
BENCHMARK(only_values)->Arg(300'000);

void record(benchmark::State& state) {
  const auto input = values(static_cast<double>(state.range(0)));
  Histogram histogram;
  std::size_t i = 0;
  for (auto _ : state) histogram.record(input[i++ % kValues]);
  state.counters["count"] = benchmark::Counter(static_cast<double>(histogram.count()));
}
BENCHMARK(record)->Arg(300'000)->Arg(50'000'000);

void quantile(benchmark::State& state) {
  Histogram histogram;
  for (const auto value : values(300'000)) histogram.record(value);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.quantile_ns(0.99));
}
BENCHMARK(quantile);

void encode(benchmark::State& state) {
  Histogram histogram;
  for (const auto value : values(300'000)) histogram.record(value);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.encode());
}
BENCHMARK(encode);

}  // namespace
}  // namespace zyphos
