// The wheel beside a tree, a heap with lazy deletion and one wheel of one turn, with 1,000 to a
// million timers that live: the timeout that never fires (set again by each request, cancelled and
// set), and timers that do fire. Virtual time moves as it would: a timer of 60 s is set four times
// before it would be due. Compare within one run.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "sched/textbook_timers.h"
#include "sched/timer_wheel.h"

namespace zyphos {
namespace {

constexpr std::int64_t kTimeout_ns = 60 * kSecond_ns;

// The wheel, by number as the others.
class Wheel {
 public:
  explicit Wheel(std::size_t count) : wheel_(Time{0}), timers_(std::make_unique<Timer[]>(count)) {}

  void set(std::size_t number, Time deadline) { wheel_.schedule(timers_[number], deadline); }
  void cancel(std::size_t number) { wheel_.cancel(timers_[number]); }
  template <class Fire>
  void expire(Time now, Fire fire) {
    if (now < wheel_.next()) return;
    wheel_.advance(now,
                   [&](Timer& timer) { fire(static_cast<std::size_t>(&timer - timers_.get())); });
  }

 private:
  TimerWheel wheel_;
  std::unique_ptr<Timer[]> timers_;
};

using Tree = textbook::Tree;
using Heap = textbook::Heap;
using OneWheel = textbook::OneWheel<textbook::Rounds::counted>;

template <class Timers>
void fill(Timers& timers, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    timers.set(i, Time{1 + static_cast<std::int64_t>(random.below(kTimeout_ns))});
  }
}

// Which timer is set next: any, as requests come, drawn beforehand.
std::vector<std::uint32_t> drawn(std::size_t count) {
  Random random(2);
  std::vector<std::uint32_t> all(1 << 16);
  for (std::uint32_t& each : all) each = static_cast<std::uint32_t>(random.below(count));
  return all;
}

template <class Timers, bool cancels>
void never_fires(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Timers timers(count);
  fill(timers, count, 1);
  const std::vector<std::uint32_t> order = drawn(count);
  Time now{0};
  const std::int64_t step_ns = kTimeout_ns / (4 * state.range(0));
  std::size_t at = 0;
  std::uint64_t fired = 0;
  for (auto _ : state) {
    const std::size_t number = order[at++ % order.size()];
    if (cancels) timers.cancel(number);
    timers.set(number, now + kTimeout_ns);
    now = now + step_ns;
    timers.expire(now, [&](std::size_t again) {
      ++fired;
      timers.set(again, now + kTimeout_ns);
    });
  }
  state.counters["fired_per_set"] =
      static_cast<double>(fired) / static_cast<double>(at == 0 ? 1 : at);
}

template <class Timers>
void set_again(benchmark::State& state) {
  never_fires<Timers, false>(state);
}
template <class Timers>
void cancel_and_set(benchmark::State& state) {
  never_fires<Timers, true>(state);
}

// All of them, over a minute, looked at each millisecond.
template <class Timers>
void fires(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::uint64_t fired = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto timers = std::make_unique<Timers>(count);
    fill(*timers, count, 3);
    state.ResumeTiming();
    for (Time now{0}; now.ns <= kTimeout_ns + kSecond_ns; now = now + kMillisecond_ns) {
      timers->expire(now, [&](std::size_t) { ++fired; });
    }
    state.PauseTiming();
    timers.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(fired));
}

#define ZY_EACH(what)                                                        \
  BENCHMARK_TEMPLATE(what, Wheel)->Arg(1'000)->Arg(100'000)->Arg(1'000'000); \
  BENCHMARK_TEMPLATE(what, Tree)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);  \
  BENCHMARK_TEMPLATE(what, Heap)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);  \
  BENCHMARK_TEMPLATE(what, OneWheel)->Arg(1'000)->Arg(100'000)
ZY_EACH(set_again);
ZY_EACH(cancel_and_set);
ZY_EACH(fires);

}  // namespace
}  // namespace zyphos
