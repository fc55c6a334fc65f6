// One look at a clock, by how it is read: what each way costs (roadmap t1.4). The vDSO reads the
// counter in user space where the clock source of the machine allows it, else it is a system call.
#pragma once

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "base/time.h"
#include "tool/code_path.h"

namespace zyphos {

inline std::int64_t to_ns(const timespec& at) { return at.tv_sec * kSecond_ns + at.tv_nsec; }

// The processor's counter in its own unit, not ordered against what stands around it.
inline std::int64_t look_at_tsc() {
#if defined(__x86_64__)
  return static_cast<std::int64_t>(__rdtsc());
#elif defined(__aarch64__)
  std::int64_t count = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return count;
#else
  throw CodeRefused("no counter that is known here on this processor");
#endif
}

// Ordered: what stands before has been done.
inline std::int64_t look_at_tsc_ordered() {
#if defined(__x86_64__)
  unsigned core = 0;
  return static_cast<std::int64_t>(__rdtscp(&core));
#elif defined(__aarch64__)
  asm volatile("isb" : : : "memory");
  return look_at_tsc();
#else
  return look_at_tsc();
#endif
}

template <clockid_t kClock>
std::int64_t look_by_vdso() {
  timespec at{};
  ::clock_gettime(kClock, &at);
  return to_ns(at);
}

inline std::int64_t look_by_syscall() {
  timespec at{};
  ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &at);
  return to_ns(at);
}

// Each run is one look; 1 where the clock has not gone back since the last one.
template <std::int64_t (*kLook)()>
class ClockPath final : public CodePath {
 public:
  std::uint64_t run() override {
    const std::int64_t before = last_;
    last_ = kLook();
    return before <= last_ ? 1 : 0;
  }

 private:
  std::int64_t last_ = kLook();
};

}  // namespace zyphos
