// Timers: who wakes an asynchronous application later. Real (TimerThread) or virtual (the
// simulation).
#pragma once

#include <condition_variable>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "base/time.h"
#include "protocol/waker.h"

namespace zyphos::app {

// Thread safety: wake_at() from any thread.
class Timers {
 public:
  virtual ~Timers() = default;
  // Calls `waker` at `due` or soon after, once.
  virtual void wake_at(Time due, Waker waker) = 0;
};

// A thread that sleeps until the next waker is due. Time is CLOCK_MONOTONIC, which
// std::chrono::steady_clock is on Linux.
class TimerThread final : public Timers {
 public:
  TimerThread();
  // Drops what is not due.
  ~TimerThread() override;

  void wake_at(Time due, Waker waker) override;

 private:
  struct Entry {
    Time due;
    Waker waker;
    friend bool operator<(const Entry& a, const Entry& b) { return a.due > b.due; }
  };

  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::priority_queue<Entry> entries_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace zyphos::app
