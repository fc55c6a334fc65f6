// Cost of one item through the queue: on one thread (no one waits), and from one thread to another
// that has to be woken for each. Compare within one run.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <thread>

#include "sched/bounded_queue.h"

namespace zyphos {
namespace {

void through(benchmark::State& state) {
  BoundedQueue<std::uint64_t> queue(1024, static_cast<QueueOrder>(state.range(0)));
  std::uint64_t sum = 0;
  std::uint64_t next = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    std::uint64_t item = next++;
    benchmark::DoNotOptimize(queue.try_put(item, found));
    sum += *queue.take();
  }
  state.counters["sum_per_item"] =
      static_cast<double>(sum) / static_cast<double>(std::max<std::uint64_t>(next, 1));
}
BENCHMARK(through)->Arg(0)->Arg(1);

void over_the_oldest(benchmark::State& state) {
  BoundedQueue<std::uint64_t> queue(64, QueueOrder::fifo);
  std::uint64_t next = 0;
  std::uint64_t dropped = 0;
  std::size_t found = 0;
  for (auto _ : state) dropped += queue.put_over_oldest(next++, found) ? 1 : 0;
  state.counters["dropped"] = static_cast<double>(dropped);
}
BENCHMARK(over_the_oldest);

// There and back: two items, two threads woken.
void woken_for_each(benchmark::State& state) {
  BoundedQueue<std::uint64_t> there(16, QueueOrder::fifo);
  BoundedQueue<std::uint64_t> back(16, QueueOrder::fifo);
  std::thread other([&] {
    std::size_t found = 0;
    while (auto item = there.take()) back.put_beyond(*item, found);
  });
  std::size_t found = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    std::uint64_t item = 1;
    there.put_beyond(item, found);
    sum += *back.take();
  }
  there.close();
  other.join();
  state.counters["sum"] = static_cast<double>(sum);
}
BENCHMARK(woken_for_each)->UseRealTime();

}  // namespace
}  // namespace zyphos
