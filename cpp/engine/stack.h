// The stacks of threads that serve connections: how large, and what is said when one overflows. The
// page below each stack is the system's guard; whoever touches it has run out of stack, which kills
// the process, as it would without this, but with one line on stderr that names the thread.
//
// Thread safety: all of it, from any thread.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/counters.h"

namespace zyphos {

// A thread with a stack of its own size (the least that the system allows where it is less).
// Returns 0, or the error: EAGAIN where there is no thread or no memory left.
int start_thread(pthread_t& thread, std::size_t stack_bytes, void* (*main)(void*), void* argument);

// Once per process, before the threads: who overflows a watched stack is reported and counted
// (Errc::stack_overflow). Where somebody
// else handles SIGSEGV already (a sanitizer), that stays as it is.
void report_stack_overflows();

// Stands in a thread's outermost function: its stack is watched from then on. The signal's own
// stack is in it, at the stack's other end. One system call.
class WatchedStack {
 public:
  // `counters` are the thread's, if any: a board shared with other processes outlives this one.
  explicit WatchedStack(std::size_t stack_bytes, Counters* counters = nullptr);
  ~WatchedStack();
  WatchedStack(const WatchedStack&) = delete;
  WatchedStack& operator=(const WatchedStack&) = delete;

 private:
  static constexpr std::size_t kSignalStack_bytes = 16 * 1024;
  alignas(16) std::byte signal_stack_[kSignalStack_bytes];
};

}  // namespace zyphos
