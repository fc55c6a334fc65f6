#include "engine/blocking_engine.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <future>
#include <new>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "engine/stack.h"
#include "net/clock.h"
#include "net/cpu.h"

namespace zyphos {
namespace {

constexpr std::int64_t kAcceptRetry_ns = 100 * kMillisecond_ns;
// A signal that comes just before its thread waits is lost; hence once more until the thread has
// seen the flag.
constexpr std::int64_t kSignalAgain_ns = 10 * kMillisecond_ns;

// What a refused peer has sent already would make the close a reset, which eats the refusal.
void discard_input(int fd) {
  std::array<std::byte, 4096> unread;
  for (int i = 0; i < 16; ++i) {
    if (::recv(fd, unread.data(), unread.size(), MSG_DONTWAIT) <= 0) return;
  }
}

}  // namespace

BlockingEngine::BlockingEngine(const EngineOptions& engine_options, ConnectionFactory factory,
                               Board& board, std::string acceptor_name)
    : BlockingShared(engine_options),
      board_(board),
      threads_(*this, board,
               [this](bool accepted) {
                 ended(accepted);
                 poke();
               }),
      factory_(std::move(factory)),
      acceptor_name_(std::move(acceptor_name)),
      random_(engine_options.seed),
      mailbox_(std::make_shared<Mailbox>()),
      reserve_(engine_options.when_full == WhenFull::refuse),
      leak_(engine_options.leak) {}

void BlockingEngine::start() {
  ZY_CHECK(!acceptor_.joinable());
  listener_ = listen_on(options.listen, listening(options));
  address_ = local_address(listener_.get());
  interrupt_signal_ready();
  report_stack_overflows();
  counters_ = &board_.take();
  std::promise<void> ready;
  acceptor_ = new_thread([&] {
    try {
      name_thread(acceptor_name_);
      admit_interrupts();
      if (!options.cpus.empty()) pin_thread(options.cpus);  // the others inherit it
      if (acceptor_serves()) alarm_.emplace();
      begin();
      ready.set_value();
    } catch (...) {
      no_more();
      see_out();
      ready.set_exception(std::current_exception());
      return;
    }
    accept_until_drained();
  });
  try {
    ready.get_future().get();
  } catch (...) {
    join();
    throw;
  }
}

void BlockingEngine::drain() {
  if (!draining.load(std::memory_order_relaxed)) {
    abort_at_ns.store((clock_now() + options.drain_timeout_ns).ns, std::memory_order_release);
    draining.store(true, std::memory_order_release);
    if (alarm_) alarm_->ring();
  }
  poke();
}

void BlockingEngine::join() {
  if (!acceptor_.joinable()) return;
  acceptor_.join();
  alarm_.reset();
  board_.retire(*counters_);
}

// --- the acceptor ---

void BlockingEngine::accept_until_drained() {
  while (!draining.load(std::memory_order_acquire)) {
    const bool accepting = retry_accept_.is_never();
    wait(accepting, retry_accept_);
    mailbox_->collect(
        mail_);  // before looking around: what is announced from here on ends the next wait
    threads_.reap();
    // A thread that has ended, or the time: both are worth a try.
    retry_accept_ = Time::never();
    wants_room_.store(false, std::memory_order_relaxed);
    if (!held_ || place_held()) accept_some();
  }
  sweep_backlog();
  listener_.reset();
  no_more();
  if (alarm_) alarm_->still();
  see_out();
}

void BlockingEngine::wait(bool accepting, Time until) {
  std::array waiting{pollfd{.fd = accepting ? listener_.get() : -1, .events = POLLIN, .revents = 0},
                     pollfd{.fd = mailbox_->event(), .events = POLLIN, .revents = 0}};
  if (!mailbox_->sleep()) return;
  const timespec left = until.is_never() ? timespec{} : to_timespec(until - clock_now());
  const int ready =
      ::ppoll(waiting.data(), waiting.size(), until.is_never() ? nullptr : &left, nullptr);
  mailbox_->awake();
  if (ready < 0) counters_->add(Counter::interrupted);
  if (ready > 0) counters_->woke(static_cast<std::uint64_t>(ready));
  if (waiting[1].revents != 0) mailbox_->clear_event();
}

void BlockingEngine::accept_some() {
  constexpr int kAccepts = 64;
  for (int i = 0; i < kAccepts; ++i) {
    if (!may_accept()) return;
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0 ? !accepted(Fd(fd)) : !accept_failed(errno)) return;
  }
}

bool BlockingEngine::may_accept() {
  if (accepted_live_.load() >= options.connections_max) {
    pause();
    return false;
  }
  if (has_room()) return true;
  pause();
  if (has_room()) return true;  // made since, by one who may not have known that it is wanted
  count_no_room();
  return false;
}

void BlockingEngine::pause() {
  retry_accept_ = clock_now() + kAcceptRetry_ns;
  wants_room_.store(true);
}

void BlockingEngine::room_made() {
  if (wants_room_.load() && wants_room_.exchange(false)) poke();
}

void BlockingEngine::ended(bool accepted) {
  if (!accepted) return;
  accepted_live_.fetch_sub(1);
  room_made();
}

// False: stop accepting for now.
bool BlockingEngine::accept_failed(int error) {
  if (error == EINTR) counters_->add(Counter::interrupted);
  if (error == EAGAIN) return false;
  if (!out_of_descriptors(error)) return true;  // that peer's own trouble (ECONNABORTED, ...)
  counters_->error(Errc::accept_limit);
  if (options.when_full == WhenFull::spin) return true;
  reserve_.refuse_waiting(listener_.get(), *counters_);
  counters_->add(Counter::accept_paused);
  pause();
  return false;
}

void BlockingEngine::sweep_backlog() {
  if (held_) place_held();
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted(Fd(fd));
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

// False: stop accepting for now.
bool BlockingEngine::accepted(Fd fd) {
  counters_->add(Counter::accepted);
  try {
    apply(fd.get(), options.socket, SocketRole::accepted);
  } catch (const std::system_error&) {
    // The listener took the same options, so it is this peer that has already gone.
    counters_->error(Errc::peer_reset);
    counters_->add(Counter::closed);
    return true;
  }
  auto connection = factory_();
  if (!connection) {
    counters_->add(Counter::closed);
    return true;
  }
  leak_.of(fd.get());
  held_.emplace(std::move(fd), std::move(connection));
  return place_held();
}

// False: it goes on being held, and accepting rests.
bool BlockingEngine::place_held() {
  accepted_live_.fetch_add(1);
  Admitted admitted = Admitted::refused;
  try {
    admitted = admit(*held_);
  } catch (const std::bad_alloc&) {
    admitted = Admitted::no_thread;
  }
  if (admitted != Admitted::yes) {
    accepted_live_.fetch_sub(1);
    if (!could_not_place(admitted)) return false;
  }
  held_.reset();
  return true;
}

bool BlockingEngine::could_not_place(Admitted admitted) {
  const Errc why = admitted == Admitted::no_thread ? Errc::thread_limit : Errc::queue_full;
  const bool waits = admitted == Admitted::no_thread && options.when_full == WhenFull::pause &&
                     held_->fd && !draining.load(std::memory_order_relaxed);
  if (!waits) {
    refuse(*held_, why, *counters_);
    return true;
  }
  counters_->error(why);
  counters_->add(Counter::accept_paused);
  pause();
  return false;
}

void BlockingEngine::refuse(Arrival& arrival, Errc why, Counters& counters) {
  const std::string& refusal = options.blocking_threads.refusal;
  const int fd = arrival.fd.get();
  if (fd >= 0 && refusal.empty()) reset_on_close(fd);
  if (fd >= 0 && !refusal.empty()) {
    const std::array parts{as_bytes(refusal)};
    static_cast<void>(send_parts(fd, parts, counters));
    ::shutdown(fd, SHUT_WR);
    discard_input(fd);
  }
  arrival.connection.reset();
  arrival.fd.reset();
  counters.error(why);
  counters.add(Counter::closed);
}

// --- serving ---

void BlockingEngine::serve(Arrival& arrival, Counters& counters, Random random, const Show& show) {
  std::shared_ptr<Mailbox> mailbox;
  try {
    mailbox = std::make_shared<Mailbox>(options.application_wakes);
  } catch (const std::system_error&) {
    refuse(arrival, Errc::accept_limit, counters);  // no descriptor for its event
    return;
  }
  BlockingDriver driver({.shared = *this,
                         .counters = counters,
                         .random = random,
                         .mailbox = std::move(mailbox),
                         .fd = std::move(arrival.fd),
                         .connection = std::move(arrival.connection),
                         .silence_timeout_ns = options.blocking_threads.silence_timeout_ns});
  if (show) show(&driver);
  driver.run();
  if (show) show(nullptr);
}

Random BlockingEngine::random() {
  const std::scoped_lock lock(random_mutex_);
  return random_.split();
}

bool BlockingEngine::start_dialed(Dialed& dialed, std::unique_ptr<Connection>& connection) {
  Arrival arrival{.fd = std::move(dialed.fd),
                  .connection = std::move(connection),
                  .accepted = false,
                  .dial_error = dialed.error};
  if (threads_.start(arrival, random())) return true;
  dialed.fd = std::move(arrival.fd);
  connection = std::move(arrival.connection);
  return false;
}

// --- the end ---

// Until the last thread has been joined; after the drain timeout what is left is aborted.
void BlockingEngine::see_out() {
  Time signal_at = clock_now();
  for (;;) {
    mailbox_->collect(mail_);
    threads_.reap();
    if (threads_.none() && !more_run()) return;
    const Time now = clock_now();
    if (now >= signal_at) {
      const bool over = aborts(now);
      const bool unseen = threads_.interrupt(over) | interrupt_more(over);
      // Not more often, whatever ends meanwhile: thousands are not signalled in a moment.
      const std::int64_t took_ns = clock_now() - now;
      const Time end{abort_at_ns.load(std::memory_order_acquire)};
      signal_at = unseen || over ? now + std::max(kSignalAgain_ns, 4 * took_ns)
                                 : std::min(now + kSecond_ns, end);
    }
    wait(false, signal_at);
  }
}

}  // namespace zyphos
