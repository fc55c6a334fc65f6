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
  end.slot.emplace(pool_, options_.limits);
  ++open_;
  end.slot->open(std::move(connection), Waker(loop_, id, 0), *this, random_, end.host.counters,
                 end.host.draining);
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
  Event event{.due = std::max(due, now_), .kind = Kind::timer};
  event.waker = std::move(waker);
  events_.add(std::move(event));
}

void Network::at(Time due, std::function<void()> action) {
  Event event{.due = std::max(due, now_), .kind = Kind::action};
  event.action = std::move(action);
  events_.add(std::move(event));
}

void Network::post(Time due, Kind kind, EndId end, std::uint64_t size, std::string bytes) {
  Event event{.due = due, .kind = kind, .end = end, .size = size};
  event.bytes = std::move(bytes);
  events_.add(std::move(event));
}

Slot* Network::slot(EndId end) { return ends_[end]->slot ? &*ends_[end]->slot : nullptr; }

// --- the clock ---

bool Network::step() {
  if (events_.empty()) return false;
  Event event = events_.take();
  ZY_CHECK(event.due >= now_);
  now_ = event.due;
  mix(event);
  happen(event);
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

void Network::mix(const Event& event) {
  ++happened_;
  const auto add = [&](std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; };
  add(static_cast<std::uint64_t>(event.due.ns));
  add(static_cast<std::uint64_t>(event.kind));
  add(event.end);
  add(event.size);
  for (const char c : event.bytes) add(static_cast<unsigned char>(c));
}

void Network::happen(Event& event) {
  switch (event.kind) {
    case Kind::timer: event.waker(); return;
    case Kind::action: event.action(); return;
    case Kind::accept: accept(event.end); return;
    case Kind::data: arrive(event.end, std::move(event.bytes)); return;
    case Kind::refused:
    case Kind::reset: lose(event.end); return;
    default: break;
  }
  End& end = *ends_[event.end];
  if (event.kind == Kind::acked) end.out.taken(event.size);
  if (event.kind == Kind::fin) end.fin_arrived = true;
  if (!end.slot) return;
  if (event.kind == Kind::established) end.host.counters.add(Counter::connected);
  if (event.kind == Kind::wake) {
    end.host.counters.add(Counter::wakes);
    end.slot->woken(static_cast<std::uint32_t>(event.size));
  }
  if (event.kind == Kind::deadline && now_ < end.slot->deadline()) return;
  if (event.kind == Kind::fin) {
    hand_over(event.end);
  } else {
    round(event.end);
  }
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
    again = end.after_round && end.after_round(id);
  }
  after(id);
}

void Network::transmit(End& end) {
  Outbox& out = end.slot->out();
  while (!out.empty() && end.has_peer && end.out.window_left() > 0) {
    std::array<ConstBytes, 8> parts;
    const std::size_t count = out.gather(parts);
    const std::size_t most = std::min(end.out.segment_bytes(random_), end.out.window_left());
    std::string segment;
    for (const ConstBytes part : std::span(parts).first(count)) {
      segment += as_text(part.first(std::min(part.size(), most - segment.size())));
    }
    out.sent(segment.size());
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
  const Time deadline = end.slot->deadline();
  if (deadline != end.deadline && !deadline.is_never()) {
    post(std::max(deadline, now_), Kind::deadline, id);
  }
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
  if (ends_[id]->slot) round(id);
}

void Network::drain() {
  accepting_.draining = true;
  for (EndId id = 0; id < ends_.size(); ++id) {
    if (&ends_[id]->host == &accepting_) poke(id);
  }
}

}  // namespace zyphos::sim
