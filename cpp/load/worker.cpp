#include "load/worker.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos {
namespace {

constexpr int kEvents = 256;
constexpr std::uint32_t kWakeNumber = ~std::uint32_t{0};
constexpr std::int64_t kSpinOnOwnCpu_ns = 50 * kMicrosecond_ns;

Fd must(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return Fd(fd);
}

// What polls takes its CPU from the threads of other processes that are pinned there.
std::int64_t spin_ns(const LoadOptions& options) {
  if (options.spin_ns) return *options.spin_ns;
  const bool crowded = options.processes > 1 && threads_of_load(options) > options.cpus.size();
  return options.cpus.empty() || crowded ? 0 : kSpinOnOwnCpu_ns;
}

}  // namespace

Worker::Worker(const LoadOptions& options, const Clients& clients, Counters& counters,
               unsigned thread, const Random& random)
    : options_(options),
      clients_(clients),
      counters_(counters),
      random_(random),
      address_(Address::parse(options.address, options.port).value()),
      spin_ns_(spin_ns(options)),
      receive_bytes_(receive_bytes(options)),
      epoll_(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      driver_{.pool = pool_,
              .dial = *this,
              .random = random_,
              .counters = counters_,
              .draining = draining_},
      buffer_(new std::byte[kReceive_bytes + kReadPadding]()),
      channels_(share(options.connections, thread, threads_of_load(options))),
      flights_(channels_.size() * options.pipeline),
      source_(make_source(options, static_cast<std::uint32_t>(channels_.size()), thread,
                          random_.split())),
      mix_(options, thread, random_.split()),
      recorder_(options.interval_ns, options.deadline_ns, options.requests.size()),
      fit_(options.arrival, threads_of_load(options)) {
  marked_.reserve(channels_.size());
  epoll_event event{.events = EPOLLIN, .data = {.u32 = kWakeNumber}};
  ZY_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0);
}

Worker::~Worker() {
  // Slots give their blocks back before the pool goes.
  channels_.clear();
}

void Worker::interrupt() {
  interrupted_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  // A full eventfd is already readable.
  [[maybe_unused]] const ssize_t ignored = ::write(wake_.get(), &one, sizeof one);
}

// What one receive takes at most: with a rate as much as it has in a millisecond.
std::size_t Worker::receive_bytes(const LoadOptions& options) {
  if (options.read_bits_per_second == 0) return kReceive_bytes;
  constexpr std::uint64_t kPiecesPerSecond = 1000;
  const std::uint64_t piece = options.read_bits_per_second / 8 / kPiecesPerSecond;
  return std::clamp<std::size_t>(piece, 1, kReceive_bytes);
}

std::size_t Worker::dial() {
  // The kernel may otherwise round a sleep up by 50 us.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  block_sigpipe();  // write(2) has no flag against it
  now_ = clock_now();
  for (std::uint32_t i = 0; i < channels_.size() && !options_.pooled; ++i) dial(i, now_);
  while (dialing_ > 0 && !interrupted_.load(std::memory_order_relaxed)) {
    wait(clock_now());
    now_ = clock_now();
    if (now_ >= timer_) timers(now_);
  }
  return static_cast<std::size_t>(
      std::ranges::count(channels_, Channel::State::open, &Channel::state));
}

void Worker::run(Time start, Window window) {
  window_ = window;
  recorder_.window(window);
  fit_.window(window);
  in_flight_.window(window);
  source_->run(start, window);
  now_ = clock_now();
  // A timer too may read the last answer: whether all is over is asked between it and the sleep.
  std::uint64_t sent = counters_.value(Counter::bytes_out);
  for (look_after(now_); !finished(now_); look_after(now_)) {
    const bool idle = wait(now_);
    const Time before = std::exchange(now_, clock_now());
    const std::uint64_t sent_before = std::exchange(sent, counters_.value(Counter::bytes_out));
    const bool counts = window_entered_ && !window_left_;
    if (counts && idle && sent == sent_before) health_.spin_ns += now_ - before;
  }
  cross_edges(now_);
  settle_accounts(now_);
}

void Worker::look_after(Time now) {
  cross_edges(now);
  if (now >= timer_) timers(now);
  if (options_.wire_timeout_ns > 0) time_out_sent(now);
  submit_due(now);
  flush_marked();
}

void Worker::cross_edges(Time now) {
  if (!window_entered_ && now >= window_.start) {
    window_entered_ = true;
    health_.cpu_ns = -thread_cpu_ns();
    health_.run_delay_ns = thread_run_delay_ns();
    health_.bytes_in = 0 - counters_.value(Counter::bytes_in);
    health_.bytes_out = 0 - counters_.value(Counter::bytes_out);
  }
  const bool ended = now >= window_.end || interrupted_.load(std::memory_order_relaxed);
  if (window_entered_ && !window_left_ && ended) {
    window_left_ = true;
    health_.cpu_ns += thread_cpu_ns();
    const std::optional<std::int64_t> before = std::exchange(health_.run_delay_ns, {});
    if (const auto after = thread_run_delay_ns(); after && before) {
      health_.run_delay_ns = *after - *before;
    }
    health_.bytes_in += counters_.value(Counter::bytes_in);
    health_.bytes_out += counters_.value(Counter::bytes_out);
  }
}

bool Worker::finished(Time now) const {
  if (interrupted_.load(std::memory_order_relaxed)) return true;
  if (now < window_.end) return false;
  if (now >= window_.end + options_.deadline_ns) return true;
  if (source_->has_backlog()) return false;
  if (cohort_ == 0) return true;
  // All that is left is past its deadline.
  return now >= last_scheduled_ + options_.deadline_ns;
}

std::int64_t Worker::sleep_ns(Time now) const {
  Time due = std::min({timer_, window_entered_ ? Time::never() : window_.start,
                       window_left_ ? window_.end + options_.deadline_ns : window_.end});
  if (options_.wire_timeout_ns > 0 && flights_.size() > 0) {
    due = std::min(due, flights_.at(flights_.oldest()).sent + options_.wire_timeout_ns);
  }
  if (window_left_ && flights_.size() > 0) {
    due = std::min(due, last_scheduled_ + options_.deadline_ns);
  }
  const Time send = source_->due();
  if (!send.is_never()) due = std::min(due, Time{send.ns - spin_ns_});
  return due.is_never() ? -1 : std::max<std::int64_t>(0, due - now);
}

// Whether it looked without sleeping and found nothing.
bool Worker::wait(Time now) {
  std::array<epoll_event, kEvents> events;
  const bool awake = options_.poll && flights_.size() > 0;
  const std::int64_t sleep = awake ? 0 : sleep_ns(now);
  const timespec timeout = to_timespec(sleep);
  const int count =
      epoll_pwait2(epoll_.get(), events.data(), kEvents, sleep < 0 ? nullptr : &timeout, nullptr);
  if (count < 0) {
    ZY_CHECK(errno == EINTR);
    counters_.add(Counter::interrupted);
    return false;
  }
  if (count == 0) return sleep == 0;
  counters_.woke(static_cast<std::uint64_t>(count));
  for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
  return false;
}

// EPOLLERR where it means the end. A timestamp, or the end of a zero-copy send, waits where errors
// do; a reset says EPOLLHUP besides.
std::uint32_t Worker::look_at_error(const epoll_event& event) {
  if (options_.send_call == SendCall::zerocopy) {
    if ((event.events & EPOLLERR) != 0) {
      take_zerocopy(channels_[event.data.u32].fd.get(), counters_);
    }
    return 0;
  }
  return options_.kernel_timestamps ? 0U : EPOLLERR;
}

void Worker::handle(const epoll_event& event) {
  const std::uint32_t number = event.data.u32;
  if (number == kWakeNumber) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t ignored = ::read(wake_.get(), &count, sizeof count);
    return;
  }
  Channel& channel = channels_[number];
  if (channel.state == Channel::State::dialing) {
    established(number, clock_now());
    return;
  }
  if (channel.state != Channel::State::open) return;
  if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    channel.readable = true;
    channel.hung_up |= (event.events & (EPOLLRDHUP | EPOLLHUP | look_at_error(event))) != 0;
    receive_all(number);
  }
  if (channel.state == Channel::State::open && channel.slot->has_output()) mark(number);
  // Now, not after the batch: the answers behind this one must not make its successor late.
  flush_marked();
}

void Worker::timers(Time now) {
  timer_ = Time::never();
  for (std::uint32_t i = 0; i < channels_.size(); ++i) {
    Channel& channel = channels_[i];
    if (now >= channel.due) {
      channel.due = Time::never();
      switch (channel.state) {
        case Channel::State::closed: dial_again(i, now); break;
        case Channel::State::dialing: dial_failed(i, Errc::connect_timeout, now); break;
        case Channel::State::open:
          counters_.add(Counter::timers);
          mark(i);
          if (channel.readable) receive_all(i);
          break;
      }
    }
    timer_ = std::min(timer_, channel.due);
  }
  flush_marked();
}

// The oldest flight was sent first, or nearly so.
void Worker::time_out_sent(Time now) {
  while (flights_.size() > 0) {
    const Flights::Flight& oldest = flights_.at(flights_.oldest());
    if (oldest.sent.is_never() || now < oldest.sent + options_.wire_timeout_ns) return;
    // One stream, answers in order: what is behind it on this connection can't come either.
    end(oldest.channel, Errc::wire_timeout, now);
  }
}

// What has not ended by now is censored at its own waiting time.
void Worker::settle_accounts(Time end) {
  const Window measured{window_.start, std::min(end, window_.end)};
  source_->stop(measured.end);
  in_flight_.pass(end);
  while (flights_.size() > 0) {
    const std::uint32_t number = flights_.oldest();
    const Flights::Flight& flight = flights_.at(number);
    recorder_.unanswered(flight.scheduled, flight.sent, end, Errc::ok, flight.entry);
    flights_.give(number);
  }
  Time scheduled;
  while (source_->backlog(scheduled)) {
    recorder_.unanswered(scheduled, Time::never(), end, Errc::ok);
    in_flight_.waited(scheduled, end);
  }
}

}  // namespace zyphos
