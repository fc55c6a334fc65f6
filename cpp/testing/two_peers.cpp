#include "testing/two_peers.h"

#include <algorithm>
#include <array>
#include <utility>

namespace zyphos::testing {

TwoPeers::TwoPeers(std::unique_ptr<Client> client, std::unique_ptr<Connection> server,
                   const TwoPeersOptions& options)
    : options_(options),
      random_(options.seed),
      client_(client.get()),
      client_side_(options.limits),
      server_side_(options.limits) {
  client_side_.slot.open(std::move(client));
  server_side_.slot.open(std::move(server));
}

void TwoPeers::run() {
  while (turn()) {
  }
}

bool TwoPeers::turn() {
  bool moved = pump(client_side_);
  moved |= deliver(client_side_, server_side_);
  moved |= pump(server_side_);
  moved |= deliver(server_side_, client_side_);
  return moved;
}

// Pumps (spuriously too, which must be harmless) and flushes.
bool TwoPeers::pump(Side& side) {
  const auto wakes = std::exchange(side.around.wakes->wakes, {});
  for (const auto& wake : wakes) side.slot.woken(wake.tag);
  side.slot.pump(now_);
  bool moved = flush(side);
  while (side.slot.wants_pump()) {
    side.slot.pump(now_);
    moved |= flush(side);
  }
  side.slot.settle();
  side.buffer.spoil();
  side.slot.rest();
  if (side.slot.wants_fin()) {
    side.slot.fin_sent();
    side.fin = true;
    moved = true;
  }
  return moved || !wakes.empty();
}

bool TwoPeers::flush(Side& side) {
  bool moved = false;
  Outbox& out = side.slot.out();
  while (!out.empty() && side.wire.size() < options_.wire_bytes_max) {
    std::array<ConstBytes, 8> parts;
    const std::size_t count = out.gather(parts);
    std::size_t sent = 0;
    for (const ConstBytes part : std::span(parts).first(count)) {
      const std::size_t n = std::min(part.size(), options_.wire_bytes_max - side.wire.size());
      side.wire += as_text(part.first(n));
      sent += n;
      if (n < part.size()) break;
    }
    out.sent(sent);
    moved = true;
  }
  return moved;
}

bool TwoPeers::deliver(Side& from, Side& to) {
  if (from.slot.abortive()) {
    if (to.slot.peer_state() == Peer::lost) return false;
    to.slot.peer(Peer::lost);
    return true;
  }
  if (to.slot.abortive() || !to.slot.wants_input()) return false;
  if (from.wire.empty()) {
    if (!from.fin || !from.slot.out().empty() || from.fin_received) return false;
    from.fin_received = true;
    to.slot.peer(Peer::finished);
    return true;
  }
  const std::size_t most = std::min(from.wire.size(), options_.piece_bytes_max);
  const std::size_t n = 1 + random_.below(most);
  to.slot.input(to.buffer.place(as_bytes(std::string_view(from.wire).substr(0, n))));
  from.wire.erase(0, n);
  return true;
}

}  // namespace zyphos::testing
