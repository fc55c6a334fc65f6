// Attacks on a TCP server in a network that a run made for it: bounded in rate and time, and
// refused anywhere else. An attack runs in the namespace of an attacker at the client's end.
//
//   syn_flood  SYNs from sources that nobody answers for (198.19.0.0/16).
//   reset      whoever sees the server's answers forges a RST from the client: with the exact
//              sequence number, with one within the window (RFC 5961 3.2: a challenge ACK), or
//              blind.
//   greedy     one connection that asks on (HTTP/1.1, pipelined) without waiting for answers, which
//              it takes and forgets.
//   slow_head, slow_body, slow_read
//              connections that each hold on to the server by hardly moving: a request's head, or
//              its body, that never ends, or an answer that is hardly read.
// Knows no experiments. One thread. Needs CAP_NET_RAW and CAP_SYS_ADMIN.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace zyphos::attack {

inline constexpr double kRate_max = 200'000;
inline constexpr std::uint32_t kConnections_max = 10'000;
inline constexpr std::int64_t kFor_ns_max = 60 * kSecond_ns;

enum class Kind : std::uint8_t { syn_flood, reset, greedy, slow_head, slow_body, slow_read };
enum class Sequence : std::uint8_t { exact, window, blind };

struct Options {
  Kind kind = Kind::syn_flood;
  Sequence sequence = Sequence::exact;
  std::string netns;    // the attacker's: /run/netns/zy-PID-STARTTICKS-ROLE
  std::string address;  // the server's, of 198.18.0.0/15
  std::uint16_t port = 0;
  double rate = 0;                // packets (greedy: requests; slow: bytes) a second, at most
  std::uint32_t connections = 1;  // slow
  std::int64_t start_ns = 0;      // CLOCK_MONOTONIC
  std::int64_t for_ns = 0;
  std::uint64_t seed = 1;
};

struct Done {
  std::uint64_t sent = 0;    // packets, requests, or bytes
  std::uint64_t failed = 0;  // what the kernel did not take
  std::uint64_t ended = 0;   // slow: connections that the server ended
};

// Why this must not be done, in one line; empty: it may. What is not a run's own network is
// refused.
std::string refusal(const Options& options);

// The calling thread is in the namespace from now on. std::system_error when that is refused.
void enter(const Options& options);

// Waits until then; true, at once, when `stop_fd` or `other` is readable: whether it is `stop_fd`.
bool stopped(Time until, int stop_fd, int other = -1);

// Enters, waits for the start, and returns at the end. `stop_fd` readable ends it at once.
// std::system_error where the kernel refuses.
Done carry_out(const Options& options, int stop_fd);

}  // namespace zyphos::attack
