// Time as the protocols see it: nanoseconds of one monotonic clock, real (CLOCK_MONOTONIC) or
// virtual. Reading a clock is not here (net/clock.h): inside a protocol time is an argument.
#pragma once

#include <compare>
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
  // Saturates: at never(), so that `now + kForever` is safe, and at the least number on the other
  // side. never() stays never(), whatever is added.
  friend constexpr Time operator+(Time a, std::int64_t duration_ns) {
    std::int64_t sum = 0;
    if (a.is_never()) return a;
    if (!__builtin_add_overflow(a.ns, duration_ns, &sum)) return {sum};
    return duration_ns > 0 ? never() : Time{std::numeric_limits<std::int64_t>::min()};
  }
};

inline constexpr std::int64_t kMicrosecond_ns = 1'000;
inline constexpr std::int64_t kMillisecond_ns = 1'000'000;
inline constexpr std::int64_t kSecond_ns = 1'000'000'000;

}  // namespace zyphos
