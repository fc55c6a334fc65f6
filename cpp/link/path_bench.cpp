// What the model costs for each packet, without any I/O: compare within one run.
#include <benchmark/benchmark.h>

#include <cstddef>

#include "link/path.h"

namespace zyphos::link {
namespace {

constexpr std::int64_t kStep_ns = 2'000;  // 500,000 packets/s

PathOptions options_of(int which) {
  PathOptions options;
  options.delay_ns = 10 * kMillisecond_ns;  // 5,000 packets under way
  if (which >= 1) {
    options.rate_bits_per_second = 10'000'000'000;
    options.queue_packets = 1000;
    options.loss = 0.01;
  }
  if (which >= 2) {
    options.jitter_ns = kMillisecond_ns;
    options.jitter_law = JitterLaw::normal;
    options.reorder = 0.01;
    options.duplicate = 0.01;
  }
  if (which >= 3) options.aqm = Aqm::codel;
  return options;
}

// delay; and rate and loss; and jitter, reorder and duplicate; and CoDel.
void path(benchmark::State& state) {
  LinkCounters counters;
  PacketPool pool(1501, 100'000);
  Path path(options_of(static_cast<int>(state.range(0))), pool, Tally(counters, Direction::forward),
            Random(1));
  Time now{};
  std::uint64_t out = 0;
  for (auto _ : state) {
    now = now + kStep_ns;
    Packet* packet = pool.take();
    packet->length = 200;
    path.admit(packet, now);
    while (Packet* due = path.depart(now)) {
      ++out;
      pool.give(due);
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["out"] = benchmark::Counter(static_cast<double>(out));
}
BENCHMARK(path)->DenseRange(0, 3);

}  // namespace
}  // namespace zyphos::link
