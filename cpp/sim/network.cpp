#include "sim/network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace zyphos::sim {
namespace {

constexpr std::size_t kReceive_bytes = 64 * 1024;

}  // namespace

// Wakes become events; after the network's end they become nothing.
class Network::Loop final : public WakeTarget {
 public:
  explicit Loop(Network* network) : network_(network) {}
  void end() { network_ = nullptr; }
  void wake(std::uint32_t slot, std::uint32_t, std::uint32_t tag) noexcept override {
    if (network_ != nullptr) network_->post(network_->now_, Kind::wake, slot, tag);
  }

 private:
  Network* network_;
};

Network::Host::Host(Network& network)
    : driver{.pool = network.pool_,
             .dial = network,
             .random = network.random_,
             .counters = counters,
             .draining = draining,
             .wakes = network.loop_,
             .limits = network.options_.limits} {}

Network::Network(const NetworkOptions& options)
    : options_(options),
      random_(options.seed),
      loop_(std::make_shared<Loop>(this)),
      received_(kReceive_bytes + kReadPadding) {}

Network::~Network() { loop_->end(); }

void Network::listen(const Address& address, Factory factory) {
  listeners_[address.text()] = std::move(factory);
}

EndId Network::add_end(Host& host) {
  ends_.push_back(std::make_unique<End>(host, options_.link));
  return static_cast<EndId>(ends_.size() - 1);
}

void Network::open(EndId id, std::unique_ptr<Connection> connection) {
  End& end = *ends_[id];
  end.slot.emplace(end.host.driver);
  ++open_;
  end.slot->open(std::move(connection), id);
}

EndId Network::connect(const Address& address, std::unique_ptr<Connection> connection,
                       AfterRound after_round) {
  const EndId id = add_end(dialing_);
  ends_[id]->after_round = std::move(after_round);
  open(id, std::move(connection));
  dialed_[id] = address.text();
  post(now_ + options_.link.delay_ns, Kind::accept, id);
  return id;
}

void Network::wake_at(Time due, Waker waker) {
  events_.add({.due = std::max(due, now_), .kind = Kind::timer}, {.waker = std::move(waker)});
}

void Network::at(Time due, std::function<void()> action) {
  events_.add({.due = std::max(due, now_), .kind = Kind::action}, {.action = std::move(action)});
}

void Network::post(Time due, Kind kind, EndId end, std::uint64_t size, std::string bytes) {
  events_.add({.due = due, .kind = kind, .end = end, .size = size}, {.bytes = std::move(bytes)});
}

Slot* Network::slot(EndId end) { return ends_[end]->slot ? &*ends_[end]->slot : nullptr; }

// --- the clock ---

bool Network::step() {
  if (events_.empty()) return false;
  Payload payload;
  const Event event = events_.take(payload);
  ZY_CHECK(event.due >= now_);
  now_ = event.due;
  mix(event, payload);
  happen(event, payload);
  return true;
}

void Network::run_until(Time time) {
  while (events_.next() <= time && step()) {
  }
  now_ = std::max(now_, time);
}

void Network::run() {
  while (step()) {
  }
}

void Network::mix(const Event& event, const Payload& payload) {
  ++happened_;
  const auto add = [&](std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; };
  add(static_cast<std::uint64_t>(event.due.ns));
  add(static_cast<std::uint64_t>(event.kind));
  add(event.end);
  add(event.size);
  for (const char c : payload.bytes) add(static_cast<unsigned char>(c));
}

void Network::happen(const Event& event, Payload& payload) {
  switch (event.kind) {
    case Kind::timer: return payload.waker();
    case Kind::action: return payload.action();
    case Kind::accept: return accept(event.end);
    case Kind::data: return arrive(event.end, std::move(payload.bytes));
    case Kind::refused:
    case Kind::reset: return lose(event.end);
    default: return happen_to(*ends_[event.end], event);
  }
}

void Network::happen_to(End& end, const Event& event) {
  if (event.kind == Kind::acked) end.out.taken(event.size);
  if (event.kind == Kind::fin) end.fin_arrived = true;
  if (!end.slot) return;
  if (event.kind == Kind::established) end.host.counters.add(Counter::connected);
  if (event.kind == Kind::wake) {
    end.host.counters.add(Counter::wakes);
    end.slot->woken(static_cast<std::uint32_t>(event.size));
  }
  if (event.kind == Kind::deadline) {
    end.deadline = Time::never();
    if (now_ < end.slot->deadline()) return after(event.end);
  }
  if (event.kind != Kind::fin) round(event.end);
  hand_over(event.end);
}

// --- connections ---

void Network::accept(EndId dialer) {
  const auto request = dialed_.extract(dialer);
  const auto listener = listeners_.find(request.mapped());
  if (listener == listeners_.end() || accepting_.draining.load()) {
    post(now_ + options_.link.delay_ns, Kind::refused, dialer);
    return;
  }
  const EndId id = add_end(accepting_);
  ends_[id]->peer = dialer;
  ends_[id]->has_peer = ends_[dialer]->has_peer = true;
  ends_[dialer]->peer = id;
  accepting_.counters.add(Counter::accepted);
  post(now_ + options_.link.delay_ns, Kind::established, dialer);
  open(id, listener->second());
  round(id);
}

void Network::arrive(EndId id, std::string bytes) {
  End& end = *ends_[id];
  if (!end.slot) {  // TCP answers data for a closed socket with a reset
    if (end.has_peer) post(now_ + options_.link.delay_ns, Kind::reset, end.peer);
    return;
  }
  end.arrived += bytes;
  hand_over(id);
}

// Gives the connection what has arrived, as far as it wants any.
void Network::hand_over(EndId id) {
  End& end = *ends_[id];
  while (end.slot && end.slot->wants_input() && !end.arrived.empty()) {
    const std::size_t n = std::min(end.arrived.size(), kReceive_bytes);
    std::memcpy(received_.data(), end.arrived.data(), n);
    end.arrived.erase(0, n);
    if (end.has_peer) post(now_ + end.out.delay_ns(), Kind::acked, end.peer, n);
    end.slot->input(Bytes(received_).first(n));
    round(id);
    std::ranges::fill(std::span(received_).first(n), std::byte{0xdd});
  }
  const bool fin_is_next = end.fin_arrived && end.arrived.empty();
  if (end.slot && fin_is_next && end.slot->peer_state() == Peer::open) {
    end.slot->peer(Peer::finished);
    round(id);
  }
}

void Network::lose(EndId id) {
  End& end = *ends_[id];
  if (!end.slot) return;
  end.arrived.clear();
  end.slot->peer(Peer::lost);
  round(id);
}

void Network::round(EndId id) {
  End& end = *ends_[id];
  bool again = true;
  while (again && end.slot) {
    end.slot->pump(now_);
    transmit(end);
    while (end.slot->wants_pump()) {
      end.slot->pump(now_);
      transmit(end);
    }
    end.slot->settle();
    end.slot->rest();
    again = end.after_round && end.after_round(id);
  }
  after(id);
}

void Network::transmit(End& end) {
  Outbox& out = end.slot->out();
  while (!out.empty() && end.has_peer && end.out.open_for(out.pending())) {
    std::array<ConstBytes, 8> parts;
    const std::size_t count = out.gather(parts);
    const std::size_t most = std::min(end.out.segment_bytes(random_), end.out.window_left());
    std::string segment;
    for (const ConstBytes part : std::span(parts).first(count)) {
      segment += as_text(part.first(std::min(part.size(), most - segment.size())));
    }
    out.sent(segment.size());
    end.slot->progressed(now_);
    end.host.counters.add(Counter::bytes_out, segment.size());
    const Time due = end.out.send(segment.size(), now_, random_);
    post(due, Kind::data, end.peer, 0, std::move(segment));
  }
}

// What the slot asks of its driver after a round.
void Network::after(EndId id) {
  End& end = *ends_[id];
  if (!end.slot) return;
  if (end.slot->abortive()) return close(id, true);
  if (end.slot->wants_fin()) {
    end.slot->fin_sent();
    send_fin(end);
  }
  if (end.slot->finished()) return close(id, false);
  const Time deadline = std::max(end.slot->deadline(), now_);
  if (deadline >= end.deadline) return;  // the event that is under way looks again
  post(deadline, Kind::deadline, id);
  end.deadline = deadline;
}

void Network::send_fin(End& end) {
  if (end.fin_left || !end.has_peer) return;
  end.fin_left = true;
  post(end.out.send(0, now_, random_), Kind::fin, end.peer);
}

void Network::close(EndId id, bool with_reset) {
  End& end = *ends_[id];
  const bool told = end.slot->peer_state() == Peer::lost;
  end.error = end.slot->error();
  end.slot.reset();
  end.after_round = {};
  --open_;
  end.host.counters.add(Counter::closed);
  if (with_reset && !told && end.has_peer) {
    post(end.out.send(0, now_, random_), Kind::reset, end.peer);
  }
}

// --- what a test does to a host ---

void Network::half_close(EndId id) { send_fin(*ends_[id]); }

void Network::reset(EndId id) {
  if (!ends_[id]->slot) return;
  ends_[id]->slot->abort(Errc::ok);
  after(id);
}

void Network::poke(EndId id) {
  if (!ends_[id]->slot) return;
  round(id);
  hand_over(id);
}

void Network::drain() {
  accepting_.draining = true;
  for (EndId id = 0; id < ends_.size(); ++id) {
    if (&ends_[id]->host == &accepting_) poke(id);
  }
}

}  // namespace zyphos::sim
