#include "engine/prefork_worker.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <string>
#include <utility>

#include "engine/readiness_loop.h"
#include "net/cpu.h"
#include "net/flush.h"

namespace zyphos {
namespace {

// `first`, the ones that follow it, or the last of all: of this place.
std::size_t counter_of(Counter first, unsigned place) {
  constexpr unsigned kLast = 7;
  return static_cast<std::size_t>(first) + std::min(place, kLast);
}

// Follows orders, and says what there is to say after each turn of the loop.
class Worker final : public TurnWatch {
 public:
  explicit Worker(WorkerSetup setup)
      : setup_(std::move(setup)),
        factory_(setup_.factory),
        cell_(setup_.scoreboard.cell(setup_.cell)),
        counters_(setup_.scoreboard.counters(setup_.cell)),
        first_request_(counters_.value(Counter::requests)) {
    const unsigned place = setup_.scoreboard.place_of(setup_.cell);
    accepted_of_worker_ = counter_of(Counter::accepted_of_worker_0, place);
    requests_of_worker_ = counter_of(Counter::requests_of_worker_0, place);
  }

  void run() {
    const std::vector<int>& cpus = setup_.options.cpus;
    const unsigned place = setup_.scoreboard.place_of(setup_.cell);
    name_thread("zy-prefork-" + std::to_string(place));
    if (!cpus.empty()) pin_thread(cpus[place % cpus.size()]);
    block_sigpipe();
    const auto loop = make_epoll_loop({.options = setup_.options,
                                       .factory = factory_,
                                       .counters = counters_,
                                       .draining = draining_,
                                       .accepted_live = accepted_live_,
                                       .mailbox = setup_.mailbox,
                                       .listener = std::move(setup_.door),
                                       .random = setup_.random,
                                       .passed = passed(),
                                       .watch = this,
                                       .leaving = &leaving_});
    step(WorkerState::starting, WorkerState::ready);
    loop->run();
    turned();
  }

  void turned() override {
    count_place();
    const Order order = cell_.order.load(std::memory_order_acquire);
    if (order == Order::leave) leaving_.store(true);
    if (order == Order::drain) draining_.store(true);
    const std::uint64_t recycle = setup_.options.prefork.recycle_requests;
    if (recycle == 0 || tired_) return;
    if (counters_.value(Counter::requests) - first_request_ < recycle) return;
    tired_ = true;
    step(WorkerState::ready, WorkerState::tired);
  }

 private:
  bool passed() const { return setup_.options.prefork.accept == WorkerAccept::passed; }

  // The parent may have gone on to `leaving` meanwhile.
  void step(WorkerState from, WorkerState to) {
    cell_.state.compare_exchange_strong(from, to);
    eventfd_write(setup_.bell, 1);
  }

  void count_place() {
    raise(accepted_of_worker_, counters_.value(Counter::accepted));
    raise(requests_of_worker_, counters_.value(Counter::requests));
  }
  void raise(std::size_t counter, std::uint64_t value) {
    counters_.bump(counter, value - counters_.at(counter));
  }

  WorkerSetup setup_;
  // Its own copy, so that what it has made ends with the worker: the process just exits.
  ConnectionFactory factory_;
  WorkerCell& cell_;
  Counters& counters_;
  std::uint64_t first_request_;  // the cell's counters go on from the worker before
  std::size_t accepted_of_worker_ = 0;
  std::size_t requests_of_worker_ = 0;
  std::atomic<bool> draining_ = false;
  std::atomic<bool> leaving_ = false;
  std::atomic<std::size_t> accepted_live_ = 0;
  bool tired_ = false;
};

}  // namespace

int run_worker(WorkerSetup setup) {
  ::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), 0, 0, 0);
  if (::getppid() != setup.parent) return 1;  // which has ended before that was said
  const int complaints = setup.complaints;
  try {
    Worker(std::move(setup)).run();
    return 0;
  } catch (const std::exception& error) {
    const std::string why = error.what();
    return ::write(complaints, why.data(), why.size()) < 0 ? 3 : 2;
  }
}

}  // namespace zyphos
