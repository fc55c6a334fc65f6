// What the reference server is told. Names are those of the command line (cpp/tool/
// reference_words.cpp) and of the experiment file's `reference`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"

namespace zyphos::reference {

enum class Law : std::uint8_t {
  constant,  // always `delay_ns`
  bimodal,   // `slow_ns` for a share of the requests, `delay_ns` for the others
  pareto,    // scale / u^(1/shape), not above `most_ns`: a heavy tail
};

struct DelayOptions {
  Law law = Law::constant;
  std::int64_t delay_ns = 0;
  std::int64_t slow_ns = 0;
  double share = 0.0;
  std::int64_t scale_ns = 0;
  double shape = 1.0;
  std::int64_t most_ns = 0;
};

struct StallOptions {
  std::int64_t after_ns = 0;  // from the first request of all
  std::int64_t for_ns = 0;    // 0: no stall
  std::int64_t every_ns = 0;  // from one stall's start to the next; 0: one only
};

struct LossOptions {
  double share = 0.0;  // of the requests
  bool close = false;  // the connection is closed instead; else the request stays unanswered
};

struct Options {
  std::string protocol = "http1";
  Address listen = Address::loopback(0);
  std::optional<bool> ipv6_only = {};  // net/socket.h has these two
  std::string device = {};
  std::vector<int> cpus = {};
  int backlog = 4096;                              // of the listening socket
  std::size_t message_bytes = 64;                  // echo
  std::optional<std::size_t> response_bytes = {};  // echo: as the message; http1: 13
  DelayOptions delay = {};
  std::int64_t work_ns = 0;
  StallOptions stall = {};
  double rate_per_second = 0.0;  // 0: no cap
  LossOptions loss = {};
  std::uint64_t seed = 1;
  std::optional<bool> busy_poll = {};  // empty: where answers have their time
  std::optional<bool> truth = {};      // empty: where answers have their time or are lost
  int commands_fd = -1;

  // Answers do not leave at once.
  bool timed() const {
    return delay.law != Law::constant || delay.delay_ns > 0 || stall.for_ns > 0 ||
           rate_per_second > 0.0;
  }
  bool polls() const { return busy_poll.value_or(timed()); }
  bool keeps_truth() const { return truth.value_or(timed() || loss.share > 0.0); }
};

// Empty: fine. Else one line, what does not go together.
std::string complaint(const Options& options);

}  // namespace zyphos::reference
