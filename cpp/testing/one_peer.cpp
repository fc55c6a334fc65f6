#include "testing/one_peer.h"

#include <algorithm>
#include <array>
#include <utility>

namespace zyphos::testing {
namespace {

constexpr std::size_t kReceive_bytes_max = 256 * 1024;

}  // namespace

OnePeer::OnePeer(std::unique_ptr<Connection> connection, const OnePeerOptions& options)
    : options_(options),
      around_(options.limits),
      buffer_(kReceive_bytes_max),
      slot_(around_.driver) {
  slot_.open(std::move(connection));
  pump();
}

void OnePeer::feed(std::string_view bytes) {
  if (slot_.abortive() || slot_.peer_state() != Peer::open) return;
  while (!bytes.empty() && !slot_.abortive()) {
    const std::string_view piece = bytes.substr(0, kReceive_bytes_max);
    bytes.remove_prefix(piece.size());
    slot_.input(buffer_.place(as_bytes(piece)));
    round();
  }
}

void OnePeer::finish() {
  slot_.peer(Peer::finished);
  round();
}

void OnePeer::lose() {
  slot_.peer(Peer::lost);
  round();
}

void OnePeer::pump() { round(); }

void OnePeer::at(Time now) {
  now_ = now;
  if (now_ >= slot_.deadline()) round();
}

std::size_t OnePeer::deliver_wakes() {
  const auto wakes = std::exchange(around_.wakes->wakes, {});
  for (const auto& wake : wakes) slot_.woken(wake.tag);
  if (!wakes.empty()) round();
  return wakes.size();
}

void OnePeer::round() {
  slot_.pump(now_);
  flush();
  while (slot_.wants_pump()) {
    slot_.pump(now_);
    flush();
  }
  slot_.settle();
  buffer_.spoil();
  slot_.rest();
  if (slot_.wants_fin()) {
    slot_.fin_sent();
    fin_ = true;
  }
}

void OnePeer::flush() {
  while (!holding_ && !slot_.out().empty()) {
    std::array<ConstBytes, 8> parts;
    const std::size_t count = slot_.out().gather(parts);
    std::size_t left = options_.flush_bytes;
    std::size_t sent = 0;
    for (std::size_t i = 0; i < count && left > 0; ++i) {
      const std::size_t n = std::min(left, parts[i].size());
      output_ += as_text(parts[i].first(n));
      left -= n;
      sent += n;
    }
    slot_.out().sent(sent);
    slot_.progressed(now_);
    ++send_calls_;
  }
}

std::string_view OnePeer::ending() const {
  if (slot_.abortive()) return "abort";
  if (!fin_) return "open";
  return slot_.wants_input() && slot_.deadline().is_never() ? "half" : "close";
}

}  // namespace zyphos::testing
