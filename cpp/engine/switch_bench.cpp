// What it costs to go on with another connection: a callback (a virtual call), a coroutine that is
// resumed and stops again, a thread that is woken while its waker sleeps (by a futex, by a pipe),
// all on one CPU. An item is one switch: there, or back. Over 1 connection everything stays in the
// cache; over thousands its state has to come from memory, as in a server. Compare within one run.
#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/counters.h"
#include "engine/coroutine.h"
#include "net/cpu.h"
#include "net/fd.h"

namespace zyphos {
namespace {

// Once round all (their number is a power of two), far from one to the next.
constexpr std::size_t kStride = 7919;

// --- a callback ---

class Callback {
 public:
  virtual ~Callback() = default;
  virtual void call() = 0;
};

class Counting final : public Callback {
 public:
  void call() override { benchmark::DoNotOptimize(++calls_); }

 private:
  std::uint64_t calls_ = 0;
};

void callback(benchmark::State& state) {
  const auto connections = static_cast<std::size_t>(state.range(0));
  std::vector<std::unique_ptr<Callback>> all;
  for (std::size_t i = 0; i < connections; ++i) all.push_back(std::make_unique<Counting>());
  std::size_t at = 0;
  for (auto _ : state) {
    Callback* next = all[at].get();
    benchmark::DoNotOptimize(next);
    next->call();
    at = (at + kStride) & (connections - 1);
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["state_bytes"] = sizeof(Counting);
}
BENCHMARK(callback)->Arg(1)->Arg(1024)->Arg(131'072);

// --- a coroutine ---

class Scheduler {
 public:
  FrameList& frames() { return frames_; }
  Counters& counters() { return counters_; }

  Coroutine count(std::uint64_t& calls) {
    for (;;) {
      benchmark::DoNotOptimize(++calls);
      co_await std::suspend_always{};
    }
  }

 private:
  Counters counters_;
  FrameList frames_{counters_};
};

void coroutine(benchmark::State& state) {
  const auto connections = static_cast<std::size_t>(state.range(0));
  Scheduler scheduler;
  std::uint64_t calls = 0;
  std::vector<Coroutine> all;
  for (std::size_t i = 0; i < connections; ++i) all.push_back(scheduler.count(calls));
  std::size_t at = 0;
  for (auto _ : state) {
    all[at].resume();
    at = (at + kStride) & (connections - 1);
  }
  state.SetItemsProcessed(state.iterations());
  const auto bytes = scheduler.counters().value(Counter::coroutine_frame_bytes);
  state.counters["state_bytes"] = static_cast<double>(bytes) / static_cast<double>(connections);
}
BENCHMARK(coroutine)->Arg(1)->Arg(1024)->Arg(131'072);

// --- threads ---

int own_cpu() { return ::sched_getcpu(); }

// Whose turn it is: the word that the other one sleeps on.
class FutexTurn {
 public:
  void give(std::uint32_t to) {
    turn_.store(to, std::memory_order_release);
    ::syscall(SYS_futex, &turn_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void await(std::uint32_t own) {
    for (;;) {
      const std::uint32_t now = turn_.load(std::memory_order_acquire);
      if (now == own || now == kOver) return;
      ::syscall(SYS_futex, &turn_, FUTEX_WAIT_PRIVATE, now, nullptr, nullptr, 0);
    }
  }
  void end() { give(kOver); }
  bool over() const { return turn_.load(std::memory_order_acquire) == kOver; }

 private:
  static constexpr std::uint32_t kOver = ~0U;
  std::atomic<std::uint32_t> turn_ = 0;
};

void thread_by_futex(benchmark::State& state) {
  FutexTurn turn;
  const int cpu = own_cpu();
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  pin_thread(cpu);
  std::thread other([&] {
    for (turn.await(1); !turn.over(); turn.await(1)) turn.give(0);
  });
  for (auto _ : state) {
    turn.give(1);
    turn.await(0);
  }
  turn.end();
  other.join();
  ::sched_setaffinity(0, sizeof before, &before);
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(thread_by_futex)->UseRealTime();

void thread_by_pipe(benchmark::State& state) {
  std::array<int, 2> raw_there{};
  std::array<int, 2> raw_back{};
  if (::pipe(raw_there.data()) != 0 || ::pipe(raw_back.data()) != 0) {
    state.SkipWithError("pipe");
    return;
  }
  const Fd read_there(raw_there[0]);
  Fd write_there(raw_there[1]);
  const Fd read_back(raw_back[0]);
  const Fd write_back(raw_back[1]);
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  pin_thread(own_cpu());
  std::thread other([&] {
    char byte = 0;
    while (::read(read_there.get(), &byte, 1) == 1) {
      if (::write(write_back.get(), &byte, 1) != 1) return;
    }
  });
  char byte = 0;
  for (auto _ : state) {
    const bool whole =
        ::write(write_there.get(), &byte, 1) == 1 && ::read(read_back.get(), &byte, 1) == 1;
    if (!whole) state.SkipWithError("pipe");
  }
  write_there.reset();
  other.join();
  ::sched_setaffinity(0, sizeof before, &before);
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(thread_by_pipe)->UseRealTime();

}  // namespace
}  // namespace zyphos
