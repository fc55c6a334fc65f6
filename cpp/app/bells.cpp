#include "app/bells.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "sched/textbook_timers.h"
#include "sched/timer_wheel.h"

namespace zyphos::app {
namespace {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC on Linux
using Due = std::vector<std::shared_ptr<Bell>>;

Time now() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
              .count()};
}

class Hierarchical {
 public:
  void set(Time due, std::shared_ptr<Bell> bell) {
    Hung& hung = hung_.emplace_front(std::move(bell));
    hung.place = hung_.begin();
    wheel_.schedule(hung, due);
  }
  void expire(Time time, Due& due) {
    wheel_.advance(time, [this, &due](Timer& timer) {
      auto& hung = static_cast<Hung&>(timer);
      due.push_back(std::move(hung.bell));
      hung_.erase(hung.place);
    });
  }
  Time next() const { return wheel_.next(); }

 private:
  struct Hung : Timer {
    explicit Hung(std::shared_ptr<Bell> one) : bell(std::move(one)) {}
    std::shared_ptr<Bell> bell;
    std::list<Hung>::iterator place;
  };

  TimerWheel wheel_{now()};
  std::list<Hung> hung_;
};

// It has to be looked at in every tick while there is anything on it.
template <textbook::Rounds kRounds>
class OneTurn {
 public:
  void set(Time due, std::shared_ptr<Bell> bell) {
    if (free_.empty()) {
      free_.push_back(bells_.size());
      bells_.emplace_back();
    }
    const std::size_t number = free_.back();
    free_.pop_back();
    bells_[number] = std::move(bell);
    wheel_.set(number, since(due));
    ++count_;
  }
  void expire(Time time, Due& due) {
    last_ = time;
    wheel_.expire(since(time), [this, &due](std::size_t number) {
      due.push_back(std::move(bells_[number]));
      free_.push_back(number);
      --count_;
    });
  }
  Time next() const {
    return count_ == 0 ? Time::never() : last_ + textbook::OneWheel<kRounds>::kTick_ns;
  }

 private:
  // The wheel's time begins with it; what was due before is due then.
  Time since(Time time) const { return {std::max<std::int64_t>(time - begin_, 0)}; }

  const Time begin_ = now();
  Time last_ = begin_;
  textbook::OneWheel<kRounds> wheel_{0};
  std::vector<std::shared_ptr<Bell>> bells_;
  std::vector<std::size_t> free_;
  std::size_t count_ = 0;
};

// A thread that sleeps until the clockwork has something to do.
template <class Works>
class BellThread final : public Bells {
 public:
  BellThread() : thread_([this](const std::stop_token& stop) { run(stop); }) {
    pthread_setname_np(thread_.native_handle(), "zy-bells");
  }

  void ring_at(Time due, std::shared_ptr<Bell> bell) override {
    {
      const std::scoped_lock lock(mutex_);
      works_.expire(now(), due_);  // so that it stands where the clock does
      works_.set(due, std::move(bell));
      changed_ = true;
    }
    change_.notify_one();
  }

 private:
  void run(const std::stop_token& stop) {
    Due due;
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      works_.expire(now(), due_);
      due.swap(due_);
      if (!due.empty()) {
        lock.unlock();
        for (const auto& bell : due) ring(*bell);
        due.clear();
        lock.lock();
      } else {
        sleep(lock, stop);
      }
    }
  }

  void sleep(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    changed_ = false;
    const Time next = works_.next();
    if (next.is_never()) {
      change_.wait(lock, stop, [this] { return changed_; });
    } else {
      const Clock::time_point until{std::chrono::nanoseconds(next.ns)};
      change_.wait_until(lock, stop, until, [this] { return changed_; });
    }
  }

  static void ring(Bell& bell) {
    bell.rung.store(true, std::memory_order_release);
    bell.waker();
  }

  std::mutex mutex_;
  std::condition_variable_any change_;
  bool changed_ = false;
  Works works_;
  Due due_;
  std::jthread thread_;  // last: ends before what it uses
};

}  // namespace

std::unique_ptr<Bells> make_bells(Clockwork clockwork) {
  using textbook::Rounds;
  switch (clockwork) {
    case Clockwork::rounds: return std::make_unique<BellThread<OneTurn<Rounds::counted>>>();
    case Clockwork::forgotten: return std::make_unique<BellThread<OneTurn<Rounds::forgotten>>>();
    case Clockwork::wheel: break;
  }
  return std::make_unique<BellThread<Hierarchical>>();
}

}  // namespace zyphos::app
