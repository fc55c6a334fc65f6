#include "ipc/ask.h"

#include <algorithm>

#include "ipc/message.h"
#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos::ipc {
namespace {

// For whoever reads counters at the window's edge to be there in time.
constexpr std::int64_t kNotice_ns = 25 * kMillisecond_ns;

// Messages of a stream between two looks at the clock, which costs as much as the fastest channel
// needs for one.
constexpr std::uint64_t kBetweenLooks_max = 64;
constexpr std::uint64_t kBetweenLooks_bytes = 64 * 1024;

std::uint64_t between_looks(std::uint64_t message_bytes) {
  return std::clamp<std::uint64_t>(kBetweenLooks_bytes / message_bytes, 1, kBetweenLooks_max);
}

}  // namespace

Ask::Ask(const AskOptions& options, const Met& met, Counters& counters)
    : options_(options),
      met_(met),
      counters_(counters),
      message_(options.channel.message_bytes),
      recorder_(options.interval_ns, options.deadline_ns) {}

void Ask::send() {
  stamp(message_, sent_++);
  met_.channel->send(message_);
}

bool Ask::answered() { return stamped(met_.channel->receive(), sent_ - 1); }

void Ask::try_out() {
  send();
  if (options_.channel.pattern == Pattern::ping_pong) answered();
}

Window Ask::start() {
  const Time begin = clock_now() + std::max(options_.warmup_ns, kNotice_ns);
  window_ = {begin, begin + options_.window_ns};
  recorder_.window(window_);
  in_flight_.window(window_);
  return window_;
}

LoadResult Ask::converse() {
  while (clock_now() < window_.start) one();
  const Used before = used();
  while (clock_now() < window_.end) one();
  const Used after = used();
  const Totals totals = end();
  LoadResult out;
  out.window_ns = window_.end - window_.start;
  out.connections = 1;
  out.client_threads = 1;
  out.client_cpu_ns = after.cpu_ns - before.cpu_ns;
  out.client_threads_run_delay_ns = run_delay_ns(before, after);
  out.bytes_out = recorder_.counts().sent_in_window * message_.size();
  out.bytes_in = recorder_.counts().done_in_window * message_.size();
  out.in_flight = in_flight_;
  // What the other side found wrong is wrong, whatever came back.
  if (totals.wrong > 0 || totals.messages != sent_) {
    recorder_.failed(window_.start, window_.start, Errc::wrong_body);
  }
  out.recorder = recorder_;
  return out;
}

void Ask::one() {
  const Time sent = clock_now();
  in_flight_.begun(sent, sent);
  send();
  const bool right = answered();
  const Time done = clock_now();
  in_flight_.ended(sent, done);
  recorder_.sent(sent);
  if (right) {
    counters_.add(Counter::requests);
    recorder_.done(sent, sent, done);
  } else {
    counters_.error(Errc::wrong_body);
    recorder_.failed(sent, sent, Errc::wrong_body);
  }
}

StreamResult Ask::stream() {
  StreamResult out;
  out.message_bytes = message_.size();
  out.window_ns = window_.end - window_.start;
  const bool whole = options_.interval_ns <= 0 || options_.interval_ns > out.window_ns;
  out.interval_ns = whole ? out.window_ns : options_.interval_ns;
  out.intervals.resize(
      static_cast<std::size_t>((out.window_ns + out.interval_ns - 1) / out.interval_ns));
  while (some() < window_.start) {
  }
  const Used before = used();
  const std::uint64_t count = between_looks(message_.size());
  for (Time now = some(); now < window_.end; now = some()) {
    out.intervals[static_cast<std::size_t>((now - window_.start) / out.interval_ns)] += count;
  }
  const Used after = used();
  const Totals totals = end();
  out.client_cpu_ns = after.cpu_ns - before.cpu_ns;
  out.client_threads_run_delay_ns = run_delay_ns(before, after);
  const std::uint64_t lost = sent_ - std::min(sent_, totals.messages);
  out.wrong = totals.wrong + lost;
  return out;
}

// Some messages of a stream; when the channel had taken them.
Time Ask::some() {
  const std::uint64_t count = between_looks(message_.size());
  for (std::uint64_t i = 0; i < count; ++i) send();
  counters_.add(Counter::requests, count);
  return clock_now();
}

Totals Ask::end() {
  stamp(message_, kLast);
  met_.channel->send(message_);
  return told(met_.control);
}

Ask::Used Ask::used() { return {thread_cpu_ns(), thread_run_delay_ns()}; }

std::optional<std::int64_t> Ask::run_delay_ns(const Used& before, const Used& after) {
  if (!before.run_delay_ns || !after.run_delay_ns) return {};
  return *after.run_delay_ns - *before.run_delay_ns;
}

}  // namespace zyphos::ipc
