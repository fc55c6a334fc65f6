// Peer: one connection of the reference server: what it holds of a request, the answers that wait
// for their time, and those that the kernel has yet to stamp. Data; server.cpp acts on it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/time.h"
#include "net/fd.h"
#include "reference/truth.h"

namespace zyphos::reference {

struct Peer {
  struct Waiting {
    std::string answer;
    Truth::Id id;
  };
  struct Unstamped {
    std::uint32_t last_byte;
    Truth::Id id;
  };

  Fd fd;
  std::uint32_t generation = 0;  // of its descriptor's number
  std::string held;              // of a request that is not complete
  std::string unsent;            // what the socket did not take
  std::deque<Waiting> waiting;   // in the order of their requests
  std::deque<Unstamped> unstamped;
  std::uint32_t sent_bytes = 0;  // wrapping, as the kernel's numbering
  // A request was lost: one stream, answers in order, so that none behind it can come either.
  bool silent = false;
  Time last_due{};  // answers keep the order of their requests
};

}  // namespace zyphos::reference
