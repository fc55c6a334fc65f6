#include "engine/loop.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/check.h"
#include "base/usdt.h"
#include "net/clock.h"
#include "net/passing.h"
#include "net/socket.h"

namespace zyphos {
namespace {

// How long accepting rests when nothing that this loop sees brings a descriptor back.
constexpr std::int64_t kAcceptRetry_ns = 100 * kMillisecond_ns;

// An option that cannot be set makes no connection either.
Dialed dial_or_fail(const Address& address, const SocketOptions& options) {
  try {
    return dial_socket(address, options);
  } catch (const std::system_error&) {
    return {.error = Errc::connect_failed};
  }
}

// Whether this process may have one more descriptor than `some`; errno says why not.
bool room_beside(int some) {
  const Fd another(::fcntl(some, F_DUPFD_CLOEXEC, 0));
  return bool{another};
}

}  // namespace

LoopCore::LoopCore(LoopSetup setup, bool takes_files)
    : setup_(std::move(setup)),
      counters_(setup_.counters),
      driver_{.pool = pool_,
              .dial = *this,
              .random = setup_.random,
              .counters = counters_,
              .draining = setup_.draining,
              .leaving = setup_.leaving,
              .wakes = setup_.mailbox,
              .limits = setup_.options.limits,
              .takes_files = takes_files,
              .callers = this},
      now_(clock_now()),
      wheel_(now_),
      reserve_(setup_.options.when_full == WhenFull::refuse && setup_.listener),
      leak_(setup_.options.leak),
      more_will_come_(setup_.handoff != nullptr) {}

LoopCore::~LoopCore() {
  setup_.mailbox->close();
  ZY_CHECK(live_ == 0);
}

// --- connections come ---

int LoopCore::next_accepted() {
  const int fd = setup_.listener.get();
  if (!setup_.passed) return ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  // The kernel closes whom it passes to a process that has no room for him.
  if (setup_.options.when_full == WhenFull::pause && !room_beside(fd)) return -1;
  return receive_passed(fd);
}

void LoopCore::adopt(int raw) {
  Fd fd(raw);
  counters_.add(Counter::accepted);
  setup_.accepted_live.fetch_add(1, std::memory_order_relaxed);
  if (setup_.dispatcher != nullptr) {
    setup_.dispatcher->give(std::move(fd));
  } else {
    accept(std::move(fd));
  }
}

void LoopCore::accept_given() {
  more_will_come_ = setup_.handoff->take(given_);
  for (Fd& fd : given_) accept(std::move(fd));
}

void LoopCore::accept(Fd fd) {
  const int raw = fd.get();
  try {
    apply(raw, setup_.options.socket, SocketRole::accepted);
  } catch (const std::system_error&) {
    // The listener took the same options, so it is this peer that has already gone.
    counters_.error(Errc::peer_reset);
    forget_accepted();
    return;
  }
  auto protocol = setup_.factory();
  if (!protocol) {
    forget_accepted();
    return;
  }
  leak_.of(raw);
  auto connection = make();
  connection->fd = std::move(fd);
  connection->accepted = true;
  LoopConnection& placed = place(std::move(connection), std::move(protocol));
  ZY_USDT(connection_open, &placed.slot.connection(), raw);
  begin(placed);
}

void LoopCore::dial(const Address& address, std::unique_ptr<Connection> protocol) {
  auto connection = make();
  connection->dialing = true;
  Dialed dialed = dial_or_fail(address, setup_.options.socket);
  connection->fd = std::move(dialed.fd);
  LoopConnection& placed = place(std::move(connection), std::move(protocol));
  if (dialed.error == Errc::ok) {
    begin(placed);
  } else {
    fail_dial(placed, dialed.error);
  }
}

std::optional<Address> LoopCore::caller(std::uint32_t number) const {
  if (number >= places_.size() || places_[number] == nullptr) return std::nullopt;
  return peer_address(places_[number]->fd.get());
}

void LoopCore::fail_dial(LoopConnection& connection, Errc error) {
  connection.dial_error = error;
  failed_dials_.push_back(connection.id());
}

void LoopCore::tell_failed_dials() {
  if (failed_dials_.empty()) return;
  told_.clear();
  told_.swap(failed_dials_);
  for (const std::uint64_t id : told_) {
    LoopConnection* connection = find(id);
    if (connection != nullptr) established(*connection, connection->dial_error);
  }
}

LoopConnection& LoopCore::place(std::unique_ptr<LoopConnection> connection,
                                std::unique_ptr<Connection> protocol) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  places_[index] = std::move(connection);
  ++live_;
  LoopConnection& placed = *places_[index];
  placed.slot.open(std::move(protocol), index, setup_.mailbox->admit(index));
  return placed;
}

bool LoopCore::established(LoopConnection& connection, Errc result) {
  connection.dialing = false;
  connection.dial_error = result;
  if (result != Errc::ok) {
    lose(connection, result);
    return false;
  }
  counters_.add(Counter::connected);
  ZY_USDT(connection_open, &connection.slot.connection(), connection.fd.get());
  connection.slot.pump(now_);
  return true;
}

// --- and go ---

// An accepted connection is over.
void LoopCore::forget_accepted() {
  counters_.add(Counter::closed);
  setup_.accepted_live.fetch_sub(1, std::memory_order_relaxed);
  if (setup_.handoff != nullptr) setup_.handoff->ended();
}

void LoopCore::lose(LoopConnection& connection, Errc error) {
  connection.slot.lose(error, now_);
  drop(connection);
}

void LoopCore::retire(LoopConnection& connection) {
  const std::uint32_t index = connection.index();
  const bool accepted = connection.accepted;
  const bool was_established = !connection.dialing && connection.dial_error == Errc::ok;
  if (was_established) {
    ZY_USDT(connection_close, &connection.slot.connection(), connection.fd.get());
  }
  setup_.mailbox->dismiss(index);
  // The connection's end may dial or wake: its place is free only afterwards.
  auto ended = std::move(places_[index]);
  ended.reset();
  free_.push_back(index);
  --live_;
  if (accepted) {
    forget_accepted();
  } else if (was_established) {
    counters_.add(Counter::closed);
  }
  if (paused_) resume_accepting();
}

LoopConnection* LoopCore::find(std::uint64_t id) {
  const auto index = static_cast<std::uint32_t>(id);
  if (index >= places_.size()) return nullptr;
  LoopConnection* connection = places_[index].get();
  return connection != nullptr && connection->id() == id ? connection : nullptr;
}

// --- accepting pauses and goes on ---

bool LoopCore::at_limit() {
  const auto live = setup_.accepted_live.load(std::memory_order_relaxed);
  if (live < setup_.options.connections_max) return false;
  pause_accepting();
  return true;
}

bool LoopCore::accept_failed(int error) {
  if (error == EINTR) counters_.add(Counter::interrupted);
  if (error == EAGAIN) return false;
  if (!out_of_descriptors(error)) return true;  // that peer's own trouble (ECONNABORTED, ...)
  counters_.error(Errc::accept_limit);
  if (setup_.passed && setup_.options.when_full != WhenFull::pause) {  // the kernel has closed him
    counters_.add(Counter::accepted);
    counters_.add(Counter::closed);
    return true;
  }
  if (setup_.options.when_full == WhenFull::spin) return true;
  reserve_.refuse_waiting(setup_.listener.get(), counters_);
  counters_.add(Counter::accept_paused);
  pause_accepting();
  return false;
}

void LoopCore::pause_accepting() {
  retry_accept_ = now_ + kAcceptRetry_ns;
  if (paused_ || !setup_.listener) return;
  paused_ = true;
  if (setup_.dispatcher != nullptr) setup_.dispatcher->wait_for_end();
  watch_listener(false);
}

// A connection that it has handed out, since accepting was paused.
bool LoopCore::one_has_ended() const {
  return paused_ && setup_.dispatcher != nullptr && !setup_.dispatcher->waits();
}

void LoopCore::resume_accepting() {
  paused_ = false;
  retry_accept_ = Time::never();
  if (setup_.listener) watch_listener(true);
}

// --- the turn ---

void LoopCore::turn() {
  deliver();
  if (more_will_come_) accept_given();
  tell_failed_dials();
  wheel_.advance(now_, [&](Timer& timer) {
    counters_.add(Counter::timers);
    serve(static_cast<LoopConnection&>(timer), Cause::other);
  });
  if (now_ >= retry_accept_ || one_has_ended()) resume_accepting();
  follow_orders();
  if (now_ >= drain_deadline_) end_drain();
}

Time LoopCore::turn_ends() {
  const Time now = clock_now();
  counters_.turned(now - now_);
  return now;
}

void LoopCore::follow_orders() {
  if (setup_.watch != nullptr) setup_.watch->turned();
  if (!leave_begun_ && setup_.leaving != nullptr && setup_.leaving->load()) begin_leave();
  if (!drain_begun_ && setup_.draining.load(std::memory_order_acquire)) begin_drain();
}

Time LoopCore::next_turn() const {
  if (!failed_dials_.empty()) return now_;
  return std::min({wheel_.next(), retry_accept_, drain_deadline_});
}

void LoopCore::deliver() {
  setup_.mailbox->collect(mail_);
  for (const Mailbox::Mail& letter : mail_) {
    LoopConnection* connection = find(std::uint64_t{letter.generation} << 32 | letter.slot);
    if (connection == nullptr) continue;
    counters_.add(Counter::wakes);
    connection->slot.woken(letter.tag);
    // Before it is established it is not advanced; then it is anyway.
    if (!connection->dialing) serve(*connection, Cause::other);
  }
}

// Who waits to be accepted is the successor's, which has the same listener.
void LoopCore::begin_leave() {
  catch_up();
  leave_begun_ = true;
  paused_ = false;
  retry_accept_ = Time::never();
  watch_listener(false);
  setup_.listener.reset();
}

void LoopCore::begin_drain() {
  catch_up();
  drain_begun_ = true;
  paused_ = false;
  retry_accept_ = Time::never();
  drain_deadline_ = now_ + setup_.options.drain_timeout_ns;
  watch_listener(false);
  // Who is through the handshake already is not to be reset with the listener.
  for (bool more = true; more && setup_.listener;) {
    const int fd = next_accepted();
    if (fd >= 0) {
      adopt(fd);
    } else {
      more = errno == ECONNABORTED || errno == EINTR;
    }
  }
  setup_.listener.reset();
  if (setup_.dispatcher != nullptr) setup_.dispatcher->close();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    LoopConnection* connection = places_[i].get();
    if (connection != nullptr && !connection->dialing) serve(*connection, Cause::other);
  }
}

void LoopCore::end_drain() {
  drain_deadline_ = Time::never();
  for (std::size_t i = 0; i < places_.size(); ++i) {
    LoopConnection* connection = places_[i].get();
    if (connection == nullptr) continue;
    connection->slot.abort(Errc::drain_timeout);
    drop(*connection);
  }
}

}  // namespace zyphos
