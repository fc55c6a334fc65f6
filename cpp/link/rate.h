// Rate: a line that sends one packet at a time, at so many bits a second. The fraction of a
// nanosecond that a packet ends in is carried to the next, so a busy line is exact over any time.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace zyphos::link {

class Rate {
 public:
  // 0: no limit, every packet takes no time.
  explicit Rate(std::uint64_t bits_per_second) : bits_per_second_(bits_per_second) {}

  // When a packet that is there at `ready` begins to be sent.
  Time begins(Time ready) const { return std::max(ready, free_); }
  // When one that began at `begin`, begins(...) of it, is sent.
  Time send(std::size_t bytes, Time begin);

 private:
  std::uint64_t bits_per_second_;
  std::uint64_t carried_ = 0;  // of a nanosecond, in 1/bits_per_second_ of one
  Time free_{};
};

}  // namespace zyphos::link
