#include "load/generator.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "net/clock.h"
#include "net/cpu.h"
#include "net/flush.h"
#include "net/timestamps.h"

namespace zyphos {
namespace {

// From start() to the window at least: whoever reads the window's edges must be able to be there in
// time.
constexpr std::int64_t kNotice_ns = 25 * kMillisecond_ns;
// For the threads to wake before the first request is due.
constexpr std::int64_t kWakeUp_ns = kMillisecond_ns;

// Empty where one of them is: a part is no sum.
std::optional<std::int64_t> sum(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  if (!a || !b) return {};
  return *a + *b;
}

}  // namespace

Generator::Generator(const LoadOptions& options, Board& board)
    : options_(options),
      board_(board),
      clients_(options),
      done_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!done_) throw std::system_error(errno, std::generic_category(), "eventfd");
  Random random(options_.seed);
  // Each thread of the load has its own, whichever process it is in.
  for (unsigned i = 0; i < first_thread(options_); ++i) static_cast<void>(random.split());
  for (unsigned i = 0; i < options_.threads; ++i) {
    counters_.push_back(&board_.take());
    workers_.push_back(std::make_unique<Worker>(options_, clients_, *counters_.back(),
                                                first_thread(options_) + i, random.split()));
  }
}

Generator::~Generator() {
  stop();
  {
    const std::scoped_lock lock(mutex_);
    phase_ = Phase::leave;
  }
  changed_.notify_all();
  join();
  workers_.clear();
  for (Counters* counters : counters_) board_.retire(*counters);
}

std::size_t Generator::connect() {
  if (options_.kernel_timestamps) await_timestamps();
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    threads_.emplace_back([this, i] { thread_main(i); });
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return dialed_ == workers_.size(); });
  if (failure_) std::rethrow_exception(failure_);
  if (options_.pooled) connections_ = options_.connections;
  if (connections_ == 0) {
    const std::string peer = Address::parse(options_.address, options_.port).value().text();
    throw CannotConnect(dial_error_,
                        "cannot connect to " + peer + ": " + std::string(errc_text(dial_error_)));
  }
  return connections_;
}

Window Generator::start() {
  const std::scoped_lock lock(mutex_);
  return start_at(clock_now() + std::max(options_.warmup_ns + kWakeUp_ns, kNotice_ns));
}

Window Generator::start(Time begin) {
  const std::scoped_lock lock(mutex_);
  if (begin.ns - options_.warmup_ns < clock_now().ns) {
    throw std::runtime_error("the window's start is too near for its warm-up");
  }
  return start_at(begin);
}

Window Generator::start_at(Time begin) {
  window_ = {begin, begin + options_.window_ns};
  start_ = {begin.ns - options_.warmup_ns};
  phase_ = Phase::run;
  changed_.notify_all();
  return window_;
}

void Generator::stop() {
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_.is_never()) stopped_ = clock_now();
  }
  for (const auto& worker : workers_) worker->interrupt();
}

bool Generator::wait_for_start() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return phase_ != Phase::dial; });
  return phase_ == Phase::run;
}

void Generator::thread_main(std::size_t index) {
  Worker& worker = *workers_[index];
  std::size_t open = 0;
  std::exception_ptr failure;
  try {
    const std::size_t number = first_thread(options_) + index;
    name_thread("zy-load-" + std::to_string(number));
    block_sigpipe();
    if (!options_.cpus.empty()) pin_thread(options_.cpus[number % options_.cpus.size()]);
    open = worker.dial();
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::scoped_lock lock(mutex_);
    ++dialed_;
    connections_ += open;
    if (worker.dial_error() != Errc::ok) dial_error_ = worker.dial_error();
    if (failure) failure_ = failure;
  }
  changed_.notify_all();
  if (!failure && wait_for_start()) worker.run(start_, window_);
  std::unique_lock lock(mutex_);
  if (++ended_ == workers_.size()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(done_.get(), &one, sizeof one);
    changed_.notify_all();
  }
  changed_.wait(lock, [this] { return phase_ == Phase::leave; });
}

void Generator::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

LoadResult Generator::finish() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ == workers_.size(); });
  }
  LoadResult result;
  result.recorder = Recorder(options_.interval_ns, options_.deadline_ns, options_.requests.size());
  result.recorder.window(window_);
  result.client_threads = options_.threads;
  result.kernel_timestamps = options_.kernel_timestamps;
  result.connections = connections_;
  result.interrupted = !stopped_.is_never();
  const Time end = std::min(window_.end, stopped_);
  result.window_ns = std::max<std::int64_t>(0, end - window_.start);
  result.client_threads_run_delay_ns = 0;
  for (const auto& worker : workers_) {
    result.recorder.add(worker->recorder());
    result.in_flight.add(worker->in_flight());
    const WorkerHealth& health = worker->health();
    result.client_cpu_ns += health.cpu_ns;
    result.client_threads_spin_ns += health.spin_ns;
    result.client_threads_run_delay_ns =
        sum(result.client_threads_run_delay_ns, health.run_delay_ns);
    result.bytes_in += health.bytes_in;
    result.bytes_out += health.bytes_out;
    result.reconnects += health.reconnects;
    for (std::size_t i = 0; i < kErrcCount; ++i) {
      result.connection_errors[i] += health.connection_errors[i];
    }
  }
  add_fit(result, end);
  result.rate_asked_per_second = mean_rate_per_second(options_.arrival);
  return result;
}

void Generator::add_fit(LoadResult& result, Time end) const {
  Fit fit(options_.arrival, threads_of_load(options_));
  fit.window(window_);
  for (const auto& worker : workers_) fit.add(worker->fit());
  result.arrivals_observed = fit.observed();
  if (options_.processes > 1) {
    if (options_.arrival.law != Law::closed) result.arrivals_seen = fit.observations();
    return;
  }
  result.arrivals_ks = fit.distance(end);
  result.arrivals_ks_resolved = fit.resolved(end);
}

}  // namespace zyphos
