// How the engines of readiness (epoll, poll, select) are told of what is ready, and who accepts for
// several loops. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zyphos {

// When a descriptor is told again.
enum class Trigger : std::uint8_t {
  level,    // as long as it is ready
  edge,     // when something has changed since it was told last
  oneshot,  // once, until it is asked for again
};

// Whose listener the loops of one engine accept from.
enum class Accepting : std::uint8_t {
  reuse_port,  // each from its own: the kernel spreads connections over them (SO_REUSEPORT)
  shared,      // all from one
  acceptor,    // a thread of its own accepts and hands the connections out
};

// To which loop an acceptor gives a connection.
enum class HandOut : std::uint8_t { round_robin, least_connections };

struct ReadinessOptions {
  std::optional<Trigger> trigger = {};  // of connections; none: edge with epoll, level without
  bool exclusive = false;  // EPOLLEXCLUSIVE: one of the loops that wait at a listener is woken
  Accepting accepting = Accepting::reuse_port;
  HandOut hand_out = HandOut::round_robin;
  // Fairness: how often one connection may receive before the others have their turn; 0: as long as
  // there is something, which starves them (fairness_test.cpp).
  unsigned receives_per_turn = 8;

  friend bool operator==(const ReadinessOptions&, const ReadinessOptions&) = default;
};

// Why this engine cannot do it; empty: it can.
std::string readiness_missing(std::string_view engine, const ReadinessOptions& options);

}  // namespace zyphos
