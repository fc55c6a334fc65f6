#include "engine/pool_engine.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <string>
#include <system_error>
#include <utility>

#include "engine/blocking_engine.h"
#include "engine/stack.h"
#include "net/clock.h"
#include "net/cpu.h"
#include "sched/bounded_queue.h"

namespace zyphos {
namespace {

struct WaitClass {
  std::int64_t most_ns;
  Counter counter;
};
constexpr std::array kWaitClasses{
    WaitClass{10 * kMicrosecond_ns, Counter::queue_waits_10us},
    WaitClass{100 * kMicrosecond_ns, Counter::queue_waits_100us},
    WaitClass{kMillisecond_ns, Counter::queue_waits_1ms},
    WaitClass{10 * kMillisecond_ns, Counter::queue_waits_10ms},
    WaitClass{100 * kMillisecond_ns, Counter::queue_waits_100ms},
    WaitClass{kSecond_ns, Counter::queue_waits_1s},
};

void count_wait(Counters& counters, std::int64_t wait_ns) {
  counters.add(Counter::queue_wait_ns,
               static_cast<std::uint64_t>(std::max<std::int64_t>(wait_ns, 0)));
  for (const WaitClass& one : kWaitClasses) {
    if (wait_ns > one.most_ns) continue;
    counters.add(one.counter);
    return;
  }
  counters.add(Counter::queue_waits_longer);
}

class PoolEngine final : public BlockingEngine {
 public:
  PoolEngine(const EngineOptions& engine_options, ConnectionFactory factory, Board& board)
      : BlockingEngine(engine_options, std::move(factory), board, "zy-accept"),
        queue_(engine_options.blocking_threads.queue_max,
               engine_options.blocking_threads.queue_order) {}
  ~PoolEngine() override {
    drain();
    join();
  }

 private:
  // Invariant: `driver` is there while the thread serves one; under drivers_.
  struct Worker {
    PoolEngine* pool = nullptr;
    unsigned number = 0;
    Random random;
    Counters* counters = nullptr;
    pthread_t thread{};
    BlockingDriver* driver = nullptr;
  };

  WhenBusy when_busy() const { return options.blocking_threads.when_busy; }
  bool acceptor_serves() const override { return when_busy() == WhenBusy::caller_runs; }
  bool has_room() override { return when_busy() != WhenBusy::wait || !queue_.full(); }
  void count_no_room() override { acceptor_counters().add(Counter::queue_paused); }
  void begin() override;
  void no_more() override { queue_.close(); }
  Admitted admit(Arrival& arrival) override;
  Admitted admit_to_full(Arrival& arrival);
  void count_queued(std::size_t found);
  bool interrupt_more(bool all) override;
  bool more_run() override;

  static void* worker_main(void* argument);
  void work(Worker& worker);

  BoundedQueue<Arrival> queue_;
  std::deque<Worker> workers_;  // grows on the acceptor's thread, before the first arrival
  std::mutex drivers_;
  std::atomic<std::size_t> ended_ = 0;
};

void PoolEngine::begin() {
  for (unsigned i = 0; i < std::max(options.threads, 1U); ++i) {
    Worker& worker = workers_.emplace_back(this, i, random(), &board_.take());
    const int error =
        start_thread(worker.thread, options.blocking_threads.stack_bytes, worker_main, &worker);
    if (error == 0) continue;
    board_.retire(*worker.counters);
    workers_.pop_back();
    throw std::system_error(error, std::generic_category(),
                            "cannot start thread " + std::to_string(i) + " of the pool");
  }
}

// --- the acceptor ---

PoolEngine::Admitted PoolEngine::admit(Arrival& arrival) {
  arrival.queued = clock_now();
  std::size_t found = 0;
  if (when_busy() == WhenBusy::drop_oldest) {
    auto dropped = queue_.put_over_oldest(std::move(arrival), found);
    count_queued(found);
    if (dropped) {
      refuse(*dropped, Errc::queue_full, acceptor_counters());
      ended(true);
    }
    return Admitted::yes;
  }
  if (!queue_.try_put(arrival, found)) return admit_to_full(arrival);
  count_queued(found);
  return Admitted::yes;
}

PoolEngine::Admitted PoolEngine::admit_to_full(Arrival& arrival) {
  std::size_t found = 0;
  switch (when_busy()) {
    case WhenBusy::reject_newest: return Admitted::refused;
    case WhenBusy::caller_runs:
      acceptor_counters().add(Counter::caller_runs);
      serve(arrival, acceptor_counters(), random());
      ended(true);
      return Admitted::yes;
    default:  // draining: who is through the handshake already is served
      queue_.put_beyond(arrival, found);
      count_queued(found);
      return Admitted::yes;
  }
}

void PoolEngine::count_queued(std::size_t found) {
  acceptor_counters().add(Counter::queued);
  acceptor_counters().add(Counter::queue_length_sum, found);
}

// --- the workers ---

void* PoolEngine::worker_main(void* argument) {
  auto& worker = *static_cast<Worker*>(argument);
  const WatchedStack watched(worker.pool->options.blocking_threads.stack_bytes, worker.counters);
  admit_interrupts();
  name_thread("zy-pool-" + std::to_string(worker.number));
  worker.pool->work(worker);
  return nullptr;
}

void PoolEngine::work(Worker& worker) {
  const Show show = [&](BlockingDriver* driver) {
    const std::scoped_lock lock(drivers_);
    worker.driver = driver;
  };
  while (auto arrival = queue_.take()) {
    count_wait(*worker.counters, clock_now() - arrival->queued);
    room_made();
    serve(*arrival, *worker.counters, worker.random.split(), show);
    ended(true);
  }
  ended_.fetch_add(1);
  poke();
}

bool PoolEngine::interrupt_more(bool all) {
  const std::scoped_lock lock(drivers_);
  bool unseen = false;
  for (const Worker& worker : workers_) {
    if (worker.driver == nullptr || (!all && worker.driver->saw_drain())) continue;
    unseen = true;
    pthread_kill(worker.thread, kInterruptSignal);
  }
  return unseen;
}

bool PoolEngine::more_run() {
  if (ended_.load() < workers_.size()) return true;
  for (Worker& worker : workers_) {
    pthread_join(worker.thread, nullptr);
    board_.retire(*worker.counters);
  }
  workers_.clear();
  ended_.store(0);
  return false;
}

}  // namespace

std::unique_ptr<Engine> make_pool_engine(const EngineOptions& options, ConnectionFactory factory,
                                         Board& board) {
  return std::make_unique<PoolEngine>(options, std::move(factory), board);
}

}  // namespace zyphos
