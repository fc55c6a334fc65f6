#include "datagram/asker.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "datagram/message.h"
#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos::datagram {
namespace {

// For whoever reads counters at the window's edge to be there in time.
constexpr std::int64_t kNotice_ns = 25 * kMillisecond_ns;
// The first one waits for ARP, and a server may have just begun to listen.
constexpr int kTries = 10;
constexpr std::int64_t kTry_ns = 500 * kMillisecond_ns;
constexpr std::size_t kSlots = 1 << 16;
// Where the kernel has no room to send: when to try again.
constexpr std::int64_t kNoRoom_ns = kMillisecond_ns;
// Turns without anything between two looks for a signal, of one that never sleeps.
constexpr unsigned kBetweenLooks = 1024;

ArrivalOptions arrival_of(const AskOptions& options) {
  ArrivalOptions arrival;
  if (options.rate_per_second) {
    arrival.law = Law::constant;
    arrival.rate_per_second = *options.rate_per_second;
  }
  return arrival;
}

std::uint64_t number_of_run() {
  return static_cast<std::uint64_t>(clock_now().ns) * 1'000'003U +
         static_cast<std::uint64_t>(::getpid());
}

}  // namespace

Asker::Asker(const AskOptions& options, int stop_fd, Counters& counters)
    : options_(options),
      stop_fd_(stop_fd),
      counters_(counters),
      mail_(Mail::make(options)),
      run_id_(number_of_run()),
      arrival_(arrival_of(options)),
      slots_(kSlots),
      recorder_(options.interval_ns, options.deadline_ns),
      fit_(arrival_, 1) {}

void Asker::try_out() {
  for (int tries = 0; tries < kTries && !interrupted_; ++tries) {
    const Time now = clock_now();
    const bool sent = send(1, now);
    drive(now + kTry_ns, false);
    if (sent && open_ == 0) return;
    while (open_ > 0) lose(clock_now());
  }
  throw std::runtime_error("no answer from " + options_.address.text());
}

Window Asker::start() {
  const Time begin = clock_now() + std::max(options_.warmup_ns, kNotice_ns);
  window_ = {begin, begin + options_.window_ns};
  recorder_.window(window_);
  in_flight_.window(window_);
  fit_.window(window_);
  return window_;
}

std::optional<LoadResult> Asker::run() {
  origin_ = clock_now();
  dealt_ = next_;
  drive(window_.start, true);
  const Used before = used();
  drive(window_.end, true);
  const Used after = used();
  drive(window_.end + options_.deadline_ns, options_.rate_per_second.has_value());
  if (interrupted_) return {};
  give_up(clock_now());
  return result(before, after);
}

void Asker::drive(Time end, bool sends) {
  for (Time now = clock_now(); now < end && !interrupted_; now = clock_now()) {
    if (open_ == 0 && !(sends && is_due_until(now))) return;
    const bool sent = sends && send(allowed(now), now);
    const bool came = receive();
    expire(now);
    if (sent || came) {
      idle_ = 0;
    } else {
      wait(now, end, sends);
    }
  }
}

// Whether there is, or will be, something to send: in the drain only what was due before it.
bool Asker::is_due_until(Time now) const {
  return now < window_.end || (options_.rate_per_second && scheduled(next_) < window_.end);
}

// What has no answer is lost, what was never sent is censored.
void Asker::give_up(Time now) {
  while (open_ > 0) lose(now);
  if (!options_.rate_per_second) return;
  for (Time due = scheduled(next_); due < window_.end; due = scheduled(++next_)) {
    recorder_.unanswered(due, Time::never(), now, Errc::ok);
    in_flight_.waited(due, now);
  }
}

// How many may and are to be sent now.
std::size_t Asker::allowed(Time now) const {
  const std::uint64_t limit = options_.in_flight;
  const auto room = static_cast<std::size_t>(limit - std::min(limit, open_));
  const std::size_t most = std::min<std::size_t>(room, options_.batch);
  if (!options_.rate_per_second) return most;
  std::size_t count = 0;
  const Time until = std::min(now + 1, window_.end);
  while (count < most && scheduled(next_ + count) < until) ++count;
  return count;
}

Time Asker::scheduled(std::uint64_t number) const {
  const double after_s = static_cast<double>(number - dealt_) / *options_.rate_per_second;
  return origin_ + static_cast<std::int64_t>(after_s * kSecond_ns);
}

bool Asker::send(std::size_t count, Time now) {
  if (count == 0) return false;
  for (std::size_t at = 0; at < count; ++at) stamp(mail_->draft(at), {run_id_, next_ + at});
  const std::size_t sent = mail_->send(count);
  counters_.add(Counter::send_calls);
  if (sent < count) counters_.add(Counter::send_again);
  for (std::size_t at = 0; at < sent; ++at) {
    if (next_ - oldest_ == kSlots) lose(now);
    const bool dealt = options_.rate_per_second && !window_.start.is_never();
    slot(next_) = {dealt ? scheduled(next_) : now, now, true};
    in_flight_.begun(slot(next_).scheduled, now);
    recorder_.sent(now);
    if (window_.holds(now)) fit_.sent(now);
    ++next_;
    ++open_;
  }
  counters_.add(Counter::datagrams_out, sent);
  counters_.add(Counter::bytes_out, sent * options_.message_bytes);
  return sent > 0;
}

bool Asker::receive() {
  const auto came = mail_->receive();
  counters_.add(Counter::recv_calls);
  if (came.empty()) {
    counters_.add(Counter::recv_again);
    return false;
  }
  const Time now = clock_now();
  for (const ConstBytes datagram : came) answered(datagram, now);
  return true;
}

void Asker::answered(ConstBytes datagram, Time now) {
  counters_.add(Counter::datagrams_in);
  counters_.add(Counter::bytes_in, datagram.size());
  const auto number = stamped(datagram, run_id_, options_.message_bytes);
  if (!number) return stray(Errc::wrong_body);
  const bool known = *number >= oldest_ && *number < next_ && slot(*number).open;
  if (!known) return stray(Errc::unexpected_data);
  counters_.add(Counter::requests);
  Slot& ended = slot(*number);
  recorder_.done(ended.scheduled, ended.sent, now);
  close(ended, now);
}

void Asker::stray(Errc error) {
  counters_.error(error);
  ++strays_[static_cast<std::size_t>(error)];
}

// They were sent in order.
void Asker::expire(Time now) {
  while (open_ > 0 && now - slot(oldest_).sent > options_.deadline_ns) lose(now);
}

// The oldest, which is open.
void Asker::lose(Time now) {
  Slot& lost = slot(oldest_);
  counters_.error(Errc::wire_timeout);
  recorder_.unanswered(lost.scheduled, lost.sent, now, Errc::wire_timeout);
  close(lost, now);
}

void Asker::close(Slot& ended, Time now) {
  ended.open = false;
  --open_;
  in_flight_.ended(ended.scheduled, now);
  while (oldest_ < next_ && !slot(oldest_).open) ++oldest_;
}

// When there will be something to do, if nothing comes.
Time Asker::awaited(Time end, bool sends) const {
  Time at = end;
  if (open_ > 0) at = std::min(at, slot(oldest_).sent + options_.deadline_ns + 1);
  if (!sends || open_ >= options_.in_flight) return at;
  const Time next = options_.rate_per_second ? scheduled(next_) : Time{};
  return std::min(at, std::max(next, clock_now() + (next > clock_now() ? 0 : kNoRoom_ns)));
}

void Asker::wait(Time now, Time end, bool sends) {
  std::array<pollfd, 2> fds{pollfd{stop_fd_, POLLIN, 0}, pollfd{mail_->fd(), POLLIN, 0}};
  if (options_.spin) {
    if (++idle_ % kBetweenLooks == 0) ::poll(fds.data(), 1, 0);
    spin_ns_ += clock_now() - now;
  } else {
    const timespec most = to_timespec(awaited(end, sends) - clock_now());
    if (::ppoll(fds.data(), fds.size(), &most, nullptr) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "poll");
    }
  }
  interrupted_ = fds[0].revents != 0;
}

Asker::Used Asker::used() const { return {thread_cpu_ns(), spin_ns_, thread_run_delay_ns()}; }

LoadResult Asker::result(const Used& before, const Used& after) const {
  LoadResult out;
  out.window_ns = window_.end - window_.start;
  out.connections = 1;
  out.client_threads = 1;
  out.client_cpu_ns = after.cpu_ns - before.cpu_ns;
  out.client_threads_spin_ns = after.spin_ns - before.spin_ns;
  if (before.run_delay_ns && after.run_delay_ns) {
    out.client_threads_run_delay_ns = *after.run_delay_ns - *before.run_delay_ns;
  }
  out.bytes_out = recorder_.counts().sent_in_window * options_.message_bytes;
  out.bytes_in = recorder_.counts().done_in_window * options_.message_bytes;
  out.connection_errors = strays_;
  out.rate_asked_per_second = mean_rate_per_second(arrival_);
  out.arrivals_ks = fit_.distance(window_.end);
  out.arrivals_ks_resolved = fit_.resolved(window_.end);
  out.arrivals_observed = fit_.observed();
  out.in_flight = in_flight_;
  out.recorder = recorder_;
  return out;
}

}  // namespace zyphos::datagram
