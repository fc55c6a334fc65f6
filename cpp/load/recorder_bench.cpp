// What one request costs the generator beside its system calls and its protocol: schedule, flight
// and record. Compare within one run: `record_only` is the floor.
#include <benchmark/benchmark.h>

#include "load/flights.h"
#include "load/recorder.h"
#include "load/source.h"

namespace zyphos {
namespace {

constexpr Window kWindow{{kSecond_ns}, {3600 * kSecond_ns}};
constexpr std::int64_t kStep_ns = 1000;

void record_only(benchmark::State& state) {
  Recorder recorder(0, kSecond_ns);
  recorder.window(kWindow);
  Time now = kWindow.start;
  for (auto _ : state) {
    now = now + kStep_ns;
    recorder.done(now, now + 100, now + 50'000);
  }
  state.counters["done"] = benchmark::Counter(static_cast<double>(recorder.counts().done));
}
BENCHMARK(record_only);

void whole_request(benchmark::State& state) {
  LoadOptions options;
  options.arrival.law = static_cast<Law>(state.range(0));
  if (options.arrival.law != Law::closed)
    options.arrival.rate_per_second = 1e9 / kStep_ns;  // one for each turn
  const auto source = make_source(options, 64, 0, Random(1));
  Flights flights(64);
  Recorder recorder(0, kSecond_ns);
  recorder.window(kWindow);
  source->run(kWindow.start, kWindow);
  for (std::uint32_t i = 0; i < 64; ++i) source->joined(i, kWindow.start);
  Time now = kWindow.start;
  Ticket ticket;
  for (auto _ : state) {
    now = now + kStep_ns;
    if (!source->peek(now, ticket)) continue;
    source->take();
    const std::uint32_t flight = flights.take(ticket.scheduled, ticket.channel);
    recorder.done(flights.at(flight).scheduled, now, now + 50'000);
    flights.give(flight);
    source->freed(ticket.channel, now);
  }
  state.counters["done"] = benchmark::Counter(static_cast<double>(recorder.counts().done));
}
BENCHMARK(whole_request)
    ->Arg(static_cast<int>(Law::closed))
    ->Arg(static_cast<int>(Law::constant))
    ->Arg(static_cast<int>(Law::poisson));

}  // namespace
}  // namespace zyphos
