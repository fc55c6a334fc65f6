// The real clock: CLOCK_MONOTONIC as a Time, the same clock in every process of the machine.
#pragma once

#include <time.h>

#include "base/time.h"

namespace zyphos {

// One vDSO call, no system call where the kernel's clock source is the TSC.
inline Time clock_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {static_cast<std::int64_t>(now.tv_sec) * kSecond_ns + now.tv_nsec};
}

// CPU time that the calling thread has used, in nanoseconds.
inline std::int64_t thread_cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<std::int64_t>(used.tv_sec) * kSecond_ns + used.tv_nsec;
}

// A duration as the kernel takes it; negative becomes zero.
inline timespec to_timespec(std::int64_t duration_ns) {
  if (duration_ns < 0) duration_ns = 0;
  return {.tv_sec = static_cast<time_t>(duration_ns / kSecond_ns),
          .tv_nsec = static_cast<long>(duration_ns % kSecond_ns)};
}

}  // namespace zyphos
