#include "engine/blocking_driver.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>
#include <utility>

#include "base/usdt.h"
#include "engine/lost.h"
#include "net/clock.h"

namespace zyphos {
namespace {

constexpr std::size_t kReceive_bytes = 64 * 1024;
// Of a connection that never was: wakes of it are dropped.
constexpr std::uint32_t kNoNumber = ~std::uint32_t{0};
constexpr std::int64_t kFineTimeout_ns = 32 * kMillisecond_ns;

// How long one poll may take: until the deadline; never() is no limit.
int poll_until(std::span<pollfd> waiting, Time deadline) {
  if (deadline.is_never()) return ::poll(waiting.data(), waiting.size(), -1);
  const timespec left = to_timespec(deadline - clock_now());
  return ::ppoll(waiting.data(), waiting.size(), &left, nullptr);
}

}  // namespace

BlockingDriver::BlockingDriver(BlockingSetup setup)
    : setup_(std::move(setup)),
      counters_(setup_.counters),
      driver_{.pool = pool_,
              .dial = *this,
              .random = setup_.random,
              .counters = counters_,
              .draining = setup_.shared.draining,
              .wakes = setup_.mailbox,
              .limits = setup_.shared.options.limits,
              .takes_files = true,
              .callers = this},
      buffer_(std::make_unique_for_overwrite<std::byte[]>(kReceive_bytes + kReadPadding)),
      slot_(driver_),
      now_(clock_now()),
      moved_(now_) {}

void BlockingDriver::run() {
  slot_.open(std::move(setup_.connection), 0, setup_.mailbox->admit(0));
  const Errc connected = setup_.accepted ? Errc::ok : connect();
  now_ = clock_now();
  if (connected != Errc::ok) {
    lose(connected);
  } else {
    if (!setup_.accepted) counters_.add(Counter::connected);
    ZY_USDT(connection_open, &slot_.connection(), setup_.fd.get());
    // Draining already: what lies in the socket comes first (look_around()).
    if (!setup_.shared.draining.load(std::memory_order_acquire)) slot_.pump(now_);
    serve();
    counters_.add(Counter::closed);
    ZY_USDT(connection_close, &slot_.connection(), setup_.fd.get());
  }
  fail_dials();
  setup_.mailbox->close();
  if (slot_.abortive() && setup_.fd) reset_on_close(setup_.fd.get());
}

void BlockingDriver::give_back(Fd& fd, std::unique_ptr<Connection>& connection) {
  fd = std::move(setup_.fd);
  connection = std::move(setup_.connection);
}

Errc BlockingDriver::connect() {
  if (setup_.dial_error != Errc::ok) return setup_.dial_error;
  std::array waiting{pollfd{.fd = setup_.fd.get(), .events = POLLOUT, .revents = 0}};
  while (poll_until(waiting, Time::never()) < 0) {
    counters_.add(Counter::interrupted);
    if (setup_.shared.aborts(clock_now())) return Errc::drain_timeout;
    saw_drain_.store(setup_.shared.draining.load(std::memory_order_acquire));
  }
  const Errc result = connect_result(setup_.fd.get());
  if (result == Errc::ok) set_blocking(setup_.fd.get(), true);
  return result;
}

void BlockingDriver::serve() {
  while (look_around()) wait();
}

// Everything that can be done without waiting. False: it is over.
bool BlockingDriver::look_around() {
  deliver();
  if (now_ >= slot_.deadline()) {
    counters_.add(Counter::timers);
    slot_.pump(now_);
  }
  const bool draining = setup_.shared.draining.load(std::memory_order_acquire);
  if (draining && !saw_drain_.load(std::memory_order_relaxed)) {
    saw_drain_.store(true, std::memory_order_release);
    // A request that already lies in the socket is still answered.
    const Bytes room(buffer_.get(), kReceive_bytes);
    if (slot_.wants_input()) take(receive(setup_.fd.get(), room, MSG_DONTWAIT, counters_));
    slot_.pump(now_);
  }
  if (setup_.shared.aborts(now_)) slot_.abort(Errc::drain_timeout);
  if (!send()) return false;
  if (setup_.silence_timeout_ns > 0 && now_ - moved_ >= setup_.silence_timeout_ns) {
    slot_.abort(Errc::idle_timeout);
  }
  fail_dials();
  if (slot_.wants_fin()) {
    ::shutdown(setup_.fd.get(), SHUT_WR);
    slot_.fin_sent();
    slot_.progressed(now_);
  }
  return !slot_.finished();
}

// sendfile(2) takes no flags: it would wait for a slow peer, beyond every deadline, and raise
// SIGPIPE. So for as long as it is called the socket does not block.
Flush BlockingDriver::flush_output() {
  const int fd = setup_.fd.get();
  if (!slot_.out().has_file()) return flush(fd, slot_.out(), counters_);
  if (!std::exchange(sends_files_, true)) block_sigpipe();
  set_blocking(fd, false);
  const Flush flushed = flush(fd, slot_.out(), counters_);
  set_blocking(fd, true);
  return flushed;
}

// False: the peer was lost.
bool BlockingDriver::send() {
  for (;;) {
    const std::size_t pending = slot_.out().pending();
    const Flush flushed = flush_output();
    if (slot_.out().pending() < pending) {
      moved_ = now_;
      slot_.progressed(now_);
    }
    if (flushed == Flush::blocked) {
      if (slot_.wants_pump()) slot_.pump(now_);
      return true;
    }
    if (flushed != Flush::done) {
      lose(lost_error(flushed));
      return false;
    }
    if (!slot_.wants_pump()) return true;
    slot_.pump(now_);
  }
}

void BlockingDriver::wait() {
  const bool only_input = !slot_.has_output() && slot_.wants_input() && setup_.mailbox->event() < 0;
  if (only_input && setup_.shared.options.blocking) {
    wait_for_input();
  } else {
    wait_for_several();
  }
}

void BlockingDriver::wait_for_input() {
  limit_wait(deadline());
  const Bytes room(buffer_.get(), kReceive_bytes);
  const Received received = receive(setup_.fd.get(), room, 0, counters_);
  now_ = clock_now();
  if (received.state != Receive::again) {
    counters_.woke(1);
    ZY_USDT(wakeup, 1);
  }
  take(received);
}

void BlockingDriver::wait_for_several() {
  const bool input = slot_.wants_input();
  short events = input ? POLLIN : 0;
  if (slot_.has_output()) events |= POLLOUT;
  std::array waiting{pollfd{.fd = setup_.fd.get(), .events = events, .revents = 0},
                     pollfd{.fd = setup_.mailbox->event(), .events = POLLIN, .revents = 0}};
  if (!setup_.mailbox->sleep()) return;
  // With nothing to expect of the socket it is left out: a hung-up one would end every poll at
  // once.
  if (events == 0) waiting[0].fd = -1;
  const int ready = poll_until(waiting, deadline());
  setup_.mailbox->awake();
  now_ = clock_now();
  if (ready < 0) counters_.add(Counter::interrupted);
  if (ready <= 0) return;
  counters_.woke(static_cast<std::uint64_t>(ready));
  ZY_USDT(wakeup, ready);
  if (waiting[1].revents != 0) setup_.mailbox->clear_event();
  if (input && (waiting[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    const Bytes room(buffer_.get(), kReceive_bytes);
    take(receive(setup_.fd.get(), room, MSG_DONTWAIT, counters_));
  }
}

void BlockingDriver::take(Received received) {
  switch (received.state) {
    case Receive::bytes:
      rearm_quickack(setup_.fd.get(), setup_.shared.options.socket);
      moved_ = now_;
      slot_.input({buffer_.get(), received.size});
      break;
    case Receive::again: return;
    case Receive::finished: slot_.peer(Peer::finished); break;
    case Receive::reset: lose(Errc::peer_reset); return;
    case Receive::failed: lose(Errc::system); return;
  }
  slot_.pump(now_);
  send();
  slot_.settle();
}

// When to look around at the latest.
Time BlockingDriver::deadline() const {
  if (setup_.silence_timeout_ns <= 0) return slot_.deadline();
  return std::min(slot_.deadline(), moved_ + setup_.silence_timeout_ns);
}

void BlockingDriver::deliver() {
  setup_.mailbox->collect(mail_);
  for (const Mailbox::Mail& letter : mail_) {
    counters_.add(Counter::wakes);
    slot_.woken(letter.tag);
  }
  if (!mail_.empty()) slot_.pump(now_);
}

void BlockingDriver::lose(Errc error) { slot_.lose(error, now_); }

// SO_RCVTIMEO so that recv returns at the deadline or before. It is set anew only when it would be
// too long: what stands is made an eighth shorter than asked, so that a deadline renewed with each
// request needs no system call.
void BlockingDriver::limit_wait(Time deadline) {
  if (deadline.is_never() && receive_timeout_ns_ == 0) return;
  std::int64_t wanted = 0;
  if (!deadline.is_never()) {
    const std::int64_t left = std::max(deadline - now_, std::int64_t{1});
    const bool stands = receive_timeout_ns_ != 0 && receive_timeout_ns_ <= left;
    if (stands && (left <= kFineTimeout_ns || receive_timeout_ns_ >= left / 4)) return;
    wanted = left > kFineTimeout_ns ? left - left / 8 : left + kMicrosecond_ns;
  }
  receive_timeout_ns_ = wanted;
  const timeval timeout{.tv_sec = wanted / kSecond_ns,
                        .tv_usec = (wanted % kSecond_ns) / kMicrosecond_ns};
  setsockopt(setup_.fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

void BlockingDriver::dial(const Address& address, std::unique_ptr<Connection> connection) {
  Dialed dialed;
  try {
    dialed = dial_socket(address, setup_.shared.options.socket);
  } catch (const std::system_error&) {
    dialed.error = Errc::connect_failed;
  }
  if (!setup_.shared.start_dialed(dialed, connection)) {
    failed_dials_.push_back(std::move(connection));
  }
}

// There was no thread for them: they learn it here.
void BlockingDriver::fail_dials() {
  while (!failed_dials_.empty()) {
    Slot slot(driver_);
    auto connection = std::move(failed_dials_.back());
    failed_dials_.pop_back();
    slot.open(std::move(connection), kNoNumber);
    slot.lose(Errc::connect_failed, now_);
  }
}

}  // namespace zyphos
