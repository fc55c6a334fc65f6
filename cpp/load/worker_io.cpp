// What a Worker does with one connection: dial, receive, submit, send, end.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "load/worker.h"
#include "net/clock.h"
#include "net/flush.h"
#include "net/socket.h"
#include "net/timestamps.h"

namespace zyphos {
namespace {

constexpr std::int64_t kBackoff_ns_min = kMillisecond_ns;
constexpr std::int64_t kBackoff_ns_max = 100 * kMillisecond_ns;
constexpr std::int64_t kReadSlack_ns = 5 * kMillisecond_ns;

}  // namespace

void Worker::watch(std::uint32_t number) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u32 = number}};
  ZY_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, channels_[number].fd.get(), &event) == 0);
}

void Worker::dial(std::uint32_t number, Time now) {
  Channel& channel = channels_[number];
  Dialed dialed = dial_socket(address_, options_.socket, source_address(number));
  ++dialing_;
  channel.state = Channel::State::dialing;
  if (dialed.error != Errc::ok) {
    dial_failed(number, dialed.error, now);
    return;
  }
  channel.fd = std::move(dialed.fd);
  channel.due = now + options_.connect_timeout_ns;
  timer_ = std::min(timer_, channel.due);
  // Where it is connected already, the first event says that it is writable.
  watch(number);
}

std::optional<Address> Worker::source_address(std::uint32_t number) const {
  if (options_.addresses == 1) return {};
  Address from = Address::loopback(0);
  from.host.at(3) = static_cast<std::uint8_t>(1 + number % options_.addresses);
  return from;
}

// Whoever lost it may have it again: all dial at once but a pool, which asks for what it needs.
void Worker::dial_again(std::uint32_t number, Time now) {
  if (options_.pooled) {
    source_->lost(number);
  } else {
    dial(number, now);
  }
}

void Worker::established(std::uint32_t number, Time now) {
  Channel& channel = channels_[number];
  if (const Errc error = connect_result(channel.fd.get()); error != Errc::ok) {
    dial_failed(number, error, now);
    return;
  }
  --dialing_;
  counters_.add(Counter::connected);
  if (options_.kernel_timestamps) enable_timestamps(channel.fd.get());
  if (options_.send_call == SendCall::zerocopy) enable_zerocopy(channel.fd.get());
  channel.state = Channel::State::open;
  channel.due = Time::never();
  channel.answered = 0;
  channel.readable = channel.hung_up = false;
  channel.unsent_first = channel.unsent_last = Flights::kNone;
  auto client = clients_.make();
  channel.client = client.get();
  channel.slot = std::make_unique<Slot>(driver_);
  channel.slot->open(std::move(client));
  source_->joined(number, now);
  mark(number);
  flush_marked();
}

void Worker::dial_failed(std::uint32_t number, Errc error, Time now) {
  Channel& channel = channels_[number];
  --dialing_;
  dial_error_ = error;
  ++health_.connection_errors[static_cast<std::size_t>(error)];
  counters_.error(error);
  channel.fd.reset();
  channel.state = Channel::State::closed;
  channel.backoff_ns = std::clamp(2 * channel.backoff_ns, kBackoff_ns_min, kBackoff_ns_max);
  channel.due = now + channel.backoff_ns;
  timer_ = std::min(timer_, channel.due);
}

void Worker::dial(const Address&, std::unique_ptr<Connection> connection) {
  Outbox out(pool_);
  static_cast<void>(connection->advance({}, Peer::lost, out, clock_now()));
}

// Edge-triggered: reads until the kernel has no more. A short read says so without another call,
// unless a FIN or a reset stands behind it.
void Worker::receive_all(std::uint32_t number) {
  Channel& channel = channels_[number];
  while (reads(channel)) {
    const Received received = receive_some(channel);
    if (received.state == Receive::again) {
      channel.readable = false;
      return;
    }
    const Time now = now_ = clock_now();
    take_in(channel, received, now);
    channel.slot->pump(now);
    collect(number, now);
    channel.slot->settle();
    follow_up(number);
    submit_due(now);
  }
  if (channel.readable && !may_read(channel)) follow_up(number);
}

// So many bytes were read: when the next may be. A late wake-up is made up for, idle time is not.
void Worker::slow_down(Channel& channel, std::size_t bytes, Time now) const {
  if (options_.read_bits_per_second == 0) return;
  const double ns =
      8e9 * static_cast<double>(bytes) / static_cast<double>(options_.read_bits_per_second);
  channel.read_at = std::max(channel.read_at, now + -kReadSlack_ns) + static_cast<std::int64_t>(ns);
}

bool Worker::may_read(const Channel& channel) const { return now_ >= channel.read_at; }

bool Worker::reads(const Channel& channel) const {
  return channel.state == Channel::State::open && channel.readable && may_read(channel) &&
         channel.slot->wants_input();
}

// Bytes, or the end of them.
void Worker::take_in(Channel& channel, const Received& received, Time now) {
  if (received.state != Receive::bytes) {
    channel.slot->peer(received.state == Receive::finished ? Peer::finished : Peer::lost);
    channel.readable = false;
    return;
  }
  if (options_.socket.tcp_quickack) rearm_quickack(channel.fd.get(), options_.socket);
  channel.slot->input(Bytes(buffer_.get(), received.size));
  channel.readable = received.size == receive_bytes_ || channel.hung_up;
  slow_down(channel, received.size, now);
}

Received Worker::receive_some(Channel& channel) {
  const Bytes room(buffer_.get(), receive_bytes_);
  if (!options_.kernel_timestamps) return receive(channel.fd.get(), room, MSG_DONTWAIT, counters_);
  std::int64_t stamp_ns = 0;
  const Received received = receive_stamped(channel.fd.get(), room, stamp_ns);
  counters_.add(Counter::recv_calls);
  if (received.state == Receive::again) counters_.add(Counter::recv_again);
  if (received.state == Receive::bytes) channel.received_stamp_ns = stamp_ns;
  return received;
}

// From when the kernel sent the request's last byte to when it had the answer's newest.
void Worker::record_wire(const Channel& channel, Time scheduled) {
  std::int64_t sent_ns = 0;
  while (const auto stamp = take_sent_stamp(channel.fd.get())) sent_ns = stamp->stamp_ns;
  if (sent_ns != 0 && channel.received_stamp_ns >= sent_ns) {
    recorder_.wire(scheduled, channel.received_stamp_ns - sent_ns);
  }
}

void Worker::submit_due(Time now) {
  Ticket ticket;
  do {
    while (source_->peek(now, ticket)) {
      if (submit(ticket)) {
        source_->take();
      } else {
        turn_down(ticket.channel, now);
      }
    }
  } while (options_.pooled && obey(now));
}

// It takes no more requests. A pool would dial it while it is still open.
void Worker::turn_down(std::uint32_t number, Time now) {
  if (options_.pooled && channels_[number].state == Channel::State::open) {
    end(number, Errc::ok, now);
  } else {
    source_->lost(number);
  }
}

// Whether the pool wanted anything.
bool Worker::obey(Time now) {
  bool any = false;
  for (Order order; source_->order(order); any = true) {
    switch (order.kind) {
      case Order::Kind::dial: dial(order.channel, now); break;
      case Order::Kind::check: check(order.channel, now); break;
      case Order::Kind::close:
        counters_.add(Counter::pool_timeouts);
        end(order.channel, Errc::ok, now);
        break;
    }
  }
  for (Time scheduled; source_->refused(scheduled);) {
    counters_.error(Errc::pool_full);
    recorder_.failed(scheduled, Time::never(), Errc::pool_full);
  }
  return any;
}

// An idle connection stands when there is nothing to be read, not even its end.
void Worker::check(std::uint32_t number, Time now) {
  counters_.add(Counter::pool_checks);
  char byte = 0;
  const ssize_t got = ::recv(channels_[number].fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) {
    source_->sound(number);
  } else {
    end(number, Errc::ok, now);
  }
}

// Ends the flights that the client has completed.
void Worker::collect(std::uint32_t number, Time now) {
  Channel& channel = channels_[number];
  for (const Completion& completion : channel.client->completed()) {
    const auto tag = static_cast<std::uint32_t>(completion.tag);
    const Flights::Flight& flight = flights_.at(tag);
    if (flight.sent.is_never()) stamp(channel);  // refused before it was sent
    if (recorder_.in_cohort(flight.scheduled)) --cohort_;
    in_flight_.ended(flight.scheduled, now);
    const Errc error = clients_.verdict(completion, flight.entry);
    if (error == Errc::ok) {
      channel.backoff_ns = 0;
      recorder_.done(flight.scheduled, flight.sent, now, flight.entry);
      if (options_.kernel_timestamps) record_wire(channel, flight.scheduled);
    } else {
      if (completion.error == Errc::ok) counters_.error(error);
      recorder_.failed(flight.scheduled, flight.sent, error, flight.entry);
    }
    flights_.give(tag);
    ++channel.answered;
    source_->freed(number, now);
  }
}

bool Worker::submit(const Ticket& ticket) {
  Channel& channel = channels_[ticket.channel];
  if (channel.state != Channel::State::open) return false;
  const std::uint32_t tag = flights_.take(ticket.scheduled, ticket.channel);
  const std::uint32_t entry = mix_.current();
  if (!channel.client->submit(clients_.request(entry), tag)) {
    flights_.give(tag);
    return false;
  }
  mix_.next();
  if (options_.pooled && channel.answered > 0) counters_.add(Counter::pool_reused);
  in_flight_.begun(ticket.scheduled, now_);
  last_scheduled_ = std::max(last_scheduled_, ticket.scheduled);
  if (recorder_.in_cohort(ticket.scheduled)) ++cohort_;
  flights_.at(tag).entry = entry;
  flights_.at(tag).opens_session = ticket.opens_session;
  if (channel.unsent_first == Flights::kNone) {
    channel.unsent_first = tag;
  } else {
    flights_.at(channel.unsent_last).unsent_after = tag;
  }
  channel.unsent_last = tag;
  mark(ticket.channel);
  return true;
}

void Worker::mark(std::uint32_t number) {
  if (std::exchange(channels_[number].dirty, true)) return;
  marked_.push_back(number);
}

void Worker::flush_marked() {
  for (std::size_t i = 0; i < marked_.size(); ++i) {
    channels_[marked_[i]].dirty = false;
    if (channels_[marked_[i]].state == Channel::State::open) pump_and_send(marked_[i]);
  }
  marked_.clear();
}

void Worker::pump_and_send(std::uint32_t number) {
  Channel& channel = channels_[number];
  Slot& slot = *channel.slot;
  slot.pump(now_);
  for (;;) {
    if (channel.unsent_first != Flights::kNone) stamp(channel);
    const Flush flushed = flush(channel.fd.get(), slot.out(), counters_, options_.send_call);
    if (flushed == Flush::blocked) break;
    if (flushed != Flush::done) {
      // What came before the reset is still worth reading: it may say why.
      channel.readable = channel.hung_up = true;
      receive_all(number);
      if (channel.state == Channel::State::open) end(number, Errc::peer_reset, clock_now());
      return;
    }
    if (!slot.wants_pump()) break;
    slot.pump(now_);
  }
  collect(number, now_);
  follow_up(number);
}

// The requests of this channel that wait go to the kernel now.
void Worker::stamp(Channel& channel) {
  const Time now = now_ = clock_now();
  for (std::uint32_t tag = channel.unsent_first; tag != Flights::kNone;) {
    Flights::Flight& flight = flights_.at(tag);
    flight.sent = now;
    recorder_.sent(now);
    if (flight.opens_session) fit_.sent(now);
    tag = flight.unsent_after;
  }
  channel.unsent_first = channel.unsent_last = Flights::kNone;
}

// Does on the wire what the connection wants after an advance.
void Worker::follow_up(std::uint32_t number) {
  Channel& channel = channels_[number];
  if (channel.state != Channel::State::open) return;
  Slot& slot = *channel.slot;
  if (slot.wants_fin()) {
    ::shutdown(channel.fd.get(), SHUT_WR);
    slot.fin_sent();
  }
  if (slot.finished() || used_up(channel)) {
    end(number, slot.error(), clock_now());
    return;
  }
  channel.due = slot.deadline();
  if (channel.readable && !may_read(channel)) channel.due = std::min(channel.due, channel.read_at);
  timer_ = std::min(timer_, channel.due);
}

bool Worker::used_up(const Channel& channel) const {
  const std::uint64_t most = options_.requests_per_connection;
  return most > 0 && channel.answered >= most;
}

// The connection is over; it is dialed again, at once where nothing went wrong.
void Worker::end(std::uint32_t number, Errc error, Time now) {
  Channel& channel = channels_[number];
  const Errc cause = error == Errc::ok ? Errc::truncated : error;
  fail_flights(number, cause, now);
  source_->lost(number);
  counters_.add(Counter::closed);
  ++health_.reconnects;
  if (error != Errc::ok) {
    ++health_.connection_errors[static_cast<std::size_t>(error)];
    channel.backoff_ns = std::clamp(2 * channel.backoff_ns, kBackoff_ns_min, kBackoff_ns_max);
  }
  if (channel.slot->abortive() || error == Errc::wire_timeout) reset_on_close(channel.fd.get());
  channel.client = nullptr;
  channel.slot.reset();
  channel.fd.reset();
  channel.state = Channel::State::closed;
  channel.unsent_first = channel.unsent_last = Flights::kNone;
  channel.due = error == Errc::ok ? now : now + channel.backoff_ns;
  if (options_.pooled) channel.due = Time::never();  // it has been told
  timer_ = std::min(timer_, channel.due);
}

// What the client itself has not completed.
void Worker::fail_flights(std::uint32_t number, Errc error, Time now) {
  for (std::uint32_t tag = flights_.oldest(); tag != Flights::kNone;) {
    const Flights::Flight& flight = flights_.at(tag);
    const std::uint32_t after = flight.after;
    if (flight.channel == number) {
      if (recorder_.in_cohort(flight.scheduled)) --cohort_;
      in_flight_.ended(flight.scheduled, now);
      if (error == Errc::wire_timeout) {
        recorder_.unanswered(flight.scheduled, flight.sent, now, error, flight.entry);
      } else {
        recorder_.failed(flight.scheduled, flight.sent, error, flight.entry);
      }
      flights_.give(tag);
    }
    tag = after;
  }
}

}  // namespace zyphos
