// Which CPU a thread runs on, and what the kernel calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace zyphos {

// Pins the calling thread, and the threads that it will start, to one CPU or to several.
// std::system_error when none of them is there and allowed.
void pin_thread(int cpu);
void pin_thread(std::span<const int> cpus);

// The calling thread's name from now on, cut to 15 bytes: what perf, bpftrace and ps show, and what
// /proc/PID/task/TID/comm holds. Threads that it starts inherit it. One system call.
void name_thread(const std::string& name);

// A running thread. std::system_error, which says what failed, where the machine has none left.
template <class Main>
std::thread new_thread(Main main) {
  try {
    return std::thread(std::move(main));
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "starting a thread");
  }
}

// How long the calling thread has been ready to run and did not, in nanoseconds. Empty where the
// kernel does not say (/proc/thread-self/schedstat). Three system calls.
std::optional<std::int64_t> thread_run_delay_ns();

}  // namespace zyphos
