// Kernel timestamps of a TCP socket (SO_TIMESTAMPING, software): when the bytes of a receive
// arrived, and when the last byte of each send left. They are CLOCK_REALTIME in nanoseconds, 0
// where the kernel gave none.
//
// A receive has one stamp, that of its newest segment: what came before shares it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "net/flush.h"

namespace zyphos {

// From here on receives and sends of `fd` are stamped. std::system_error where the kernel does not
// know it.
void enable_timestamps(int fd);

// Returns when the kernel stamps what arrives on loopback: it begins to some time after the first
// socket of the machine asks for it. std::system_error when it does not within a second.
void await_timestamps();

// One receive, never blocking; `stamp_ns` is set.
Received receive_stamped(int fd, Bytes buffer, std::int64_t& stamp_ns);

struct SentStamp {
  std::uint32_t last_byte = 0;  // counted from enable_timestamps() on, from 0, wrapping
  std::int64_t stamp_ns = 0;
};

// The next stamp of a send; empty when none is there yet. One system call.
std::optional<SentStamp> take_sent_stamp(int fd);

// What CLOCK_REALTIME is ahead of CLOCK_MONOTONIC now.
std::int64_t realtime_ahead_ns();

}  // namespace zyphos
