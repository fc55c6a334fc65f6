#include "app/timers.h"

#include <pthread.h>

#include <chrono>
#include <utility>

namespace zyphos::app {

TimerThread::TimerThread() : thread_([this](const std::stop_token& stop) { run(stop); }) {
  pthread_setname_np(thread_.native_handle(), "zy-timer");
}

TimerThread::~TimerThread() = default;

void TimerThread::wake_at(Time due, Waker waker) {
  {
    const std::scoped_lock lock(mutex_);
    entries_.push({due, std::move(waker)});
  }
  changed_.notify_one();
}

void TimerThread::run(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (entries_.empty()) {
      changed_.wait(lock, stop, [this] { return !entries_.empty(); });
      continue;
    }
    const Time next = entries_.top().due;
    const Clock::time_point due{std::chrono::nanoseconds(next.ns)};
    if (Clock::now() < due) {
      changed_.wait_until(lock, stop, due,
                          [&] { return !entries_.empty() && entries_.top().due < next; });
      continue;
    }
    const Waker waker = entries_.top().waker;
    entries_.pop();
    lock.unlock();
    waker();
    lock.lock();
  }
}

}  // namespace zyphos::app
