#include "fetch/run.h"

#include <algorithm>

#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos::fetch {
namespace {

// For whoever reads counters at the window's edge to be there in time.
constexpr std::int64_t kNotice_ns = 25 * kMillisecond_ns;

}  // namespace

Run::Run(const FetchOptions& options, Waiter& waiter, Counters& counters)
    : options_(options),
      waiter_(waiter),
      counters_(counters),
      fetcher_(options, waiter, counters),
      recorder_(options.interval_ns, options.deadline_ns) {}

Errc Run::try_out() {
  const Time end = clock_now() + options_.deadline_ns;
  const Errc error = fetcher_.prepare(end);
  return error == Errc::ok ? fetcher_.fetch(end).error : error;
}

Window Run::start() {
  const Time begin = clock_now() + std::max(options_.warmup_ns, kNotice_ns);
  window_ = {begin, begin + options_.window_ns};
  recorder_.window(window_);
  in_flight_.window(window_);
  return window_;
}

LoadResult Run::finish() {
  while (clock_now() < window_.start && !waiter_.look()) one();
  const Used before = used();
  while (clock_now() < window_.end && !waiter_.look()) one();
  return result(before, used());
}

// What cannot be prepared is a fetch that failed: it would have.
void Run::one() {
  const Errc error = fetcher_.prepare(clock_now() + options_.deadline_ns);
  const Time begun = clock_now();
  in_flight_.begun(begun, begun);
  Fetched fetched{.error = error, .moments = {.begun = begun}};
  if (error == Errc::ok) fetched = fetcher_.fetch(begun + options_.deadline_ns);
  in_flight_.ended(begun, clock_now());
  record(fetched);
  if (options_.think_ns > 0 || error != Errc::ok) {
    waiter_.sleep(clock_now() + std::max(options_.think_ns, kMillisecond_ns));
  }
}

void Run::record(const Fetched& fetched) {
  const Moments& at = fetched.moments;
  const Time sent = at.sent == Time{} ? Time::never() : at.sent;
  if (!sent.is_never()) recorder_.sent(sent);
  if (fetched.error == Errc::ok) {
    counters_.add(Counter::requests);
    recorder_.done(at.begun, sent, at.done);
    if (!recorder_.in_cohort(at.begun)) return;
    const auto phases = phases_of(at);
    for (std::size_t i = 0; i < phases.size(); ++i) phases_[i].record(phases[i]);
    return;
  }
  counters_.error(fetched.error);
  if (fetched.error == Errc::deadline) {
    // Told to stop it is nobody's fault: an observation that was cut short.
    const Errc why = waiter_.stopped() ? Errc::ok : Errc::wire_timeout;
    recorder_.unanswered(at.begun, sent, clock_now(), why);
  } else {
    recorder_.failed(at.begun, sent, fetched.error);
  }
}

Run::Used Run::used() const {
  return {thread_cpu_ns(), thread_run_delay_ns(), counters_.value(Counter::bytes_in),
          counters_.value(Counter::bytes_out)};
}

LoadResult Run::result(const Used& before, const Used& after) {
  LoadResult out;
  const Time end = std::clamp(clock_now(), window_.start, window_.end);
  out.interrupted = waiter_.stopped();
  out.window_ns = (out.interrupted ? end : window_.end) - window_.start;
  out.connections = 1;
  out.client_threads = 1;
  out.client_cpu_ns = after.cpu_ns - before.cpu_ns;
  if (before.run_delay_ns && after.run_delay_ns) {
    out.client_threads_run_delay_ns = *after.run_delay_ns - *before.run_delay_ns;
  }
  out.bytes_in = after.bytes_in - before.bytes_in;
  out.bytes_out = after.bytes_out - before.bytes_out;
  out.recorder = recorder_;
  out.in_flight = in_flight_;
  for (std::size_t i = 0; i < kPhases.size(); ++i) {
    out.phases.emplace_back(kPhases[i], phases_[i]);
  }
  return out;
}

}  // namespace zyphos::fetch
