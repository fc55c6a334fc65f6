// Time as the protocols see it: nanoseconds of one monotonic clock, real (CLOCK_MONOTONIC) or
// virtual. Reading a clock is not here (net/clock.h): inside a protocol time is an argument.
#pragma once

#include <cstdint>
#include <limits>

namespace zyphos {

// Nanoseconds since an arbitrary origin. A duration is an std::int64_t named `..._ns`.
struct Time {
  std::int64_t ns = 0;

  static constexpr Time never() { return {std::numeric_limits<std::int64_t>::max()}; }
  constexpr bool is_never() const { return ns == std::numeric_limits<std::int64_t>::max(); }

  friend constexpr auto operator<=>(Time, Time) = default;
  friend constexpr std::int64_t operator-(Time a, Time b) { return a.ns - b.ns; }
  // Saturates at never(), so that `now + kForever` is safe.
  friend constexpr Time operator+(Time a, std::int64_t duration_ns) {
    return a.ns > never().ns - duration_ns ? never() : Time{a.ns + duration_ns};
  }
};

inline constexpr std::int64_t kMicrosecond_ns = 1'000;
inline constexpr std::int64_t kMillisecond_ns = 1'000'000;
inline constexpr std::int64_t kSecond_ns = 1'000'000'000;

}  // namespace zyphos
