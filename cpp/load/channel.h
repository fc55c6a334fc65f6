// Channel: one connection of a worker over its whole life: dialing, open, lost, dialed again.
#pragma once

#include <cstdint>
#include <memory>

#include "base/time.h"
#include "load/flights.h"
#include "net/fd.h"
#include "protocol/client.h"
#include "protocol/slot.h"

namespace zyphos {

struct Channel {
  enum class State : std::uint8_t { closed, dialing, open };

  Fd fd;
  std::unique_ptr<Slot> slot;  // while open
  Client* client = nullptr;    // the slot's
  State state = State::closed;
  bool dirty = false;     // has something to pump and send; stands on the worker's list
  bool readable = false;  // the kernel may hold input
  bool hung_up = false;   // the peer's FIN or reset stands behind that input
  // Submitted requests that wait for their send, oldest first.
  std::uint32_t unsent_first = Flights::kNone;
  std::uint32_t unsent_last = Flights::kNone;
  Time due =
      Time::never();  // closed: dial again; dialing: give up; open: the connection's own deadline
  std::uint64_t answered = 0;   // requests of this connection that have ended
  Time read_at{};               // read_bits_per_second: not to be read before
  std::int64_t backoff_ns = 0;  // before the next dial
  // kernel_timestamps: when its newest bytes arrived, CLOCK_REALTIME.
  std::int64_t received_stamp_ns = 0;
};

}  // namespace zyphos
