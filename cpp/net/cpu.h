// Which CPU a thread runs on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace zyphos {

// Pins the calling thread, and the threads that it will start, to one CPU or to several.
// std::system_error when none of them is there and allowed.
void pin_thread(int cpu);
void pin_thread(std::span<const int> cpus);

// How long the calling thread has been ready to run and did not, in nanoseconds. Empty where the
// kernel does not say (/proc/thread-self/schedstat). Three system calls.
std::optional<std::int64_t> thread_run_delay_ns();

}  // namespace zyphos
