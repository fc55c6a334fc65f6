// Deadlines by the thousand: a hierarchical timing wheel (Varghese and Lauck, 1987) over intrusive
// timers. It reads no clock: time is an argument, so it runs in virtual time too.
//
// Lazy: a deadline that moves later costs one store. The timer stays where it is filed and is
// looked at again when that place comes up. So a server that renews an idle timeout with every
// request pays nothing for it.
//
// Thread safety: none, one wheel per driver. Invariants: (1) a filed timer's place is not after its
// deadline's tick; (2) the wheel never passes the start of a place that holds timers; (3) a timer
// never fires before its deadline, and at most one tick after it (given that advance() is called
// then). Cost: schedule, cancel O(1); advance O(fired + levels); no allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace zyphos {

// Embedded in what it times. Not movable; must be cancelled, or the wheel's advance be over, before
// it goes.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { unlink(); }

  Time deadline() const { return deadline_; }
  bool filed() const { return next_ != nullptr; }

 private:
  friend class TimerWheel;

  void unlink();
  void link_after(Timer& other);

  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  Time deadline_ = Time::never();
  std::uint64_t tick_ = 0;  // where it is filed
};

class TimerWheel {
 public:
  static constexpr int kTickBits = 16;  // a tick is 65,536 ns
  static constexpr std::int64_t kTick_ns = std::int64_t{1} << kTickBits;

  explicit TimerWheel(Time now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Replaces the timer's deadline; never() is as good as cancel, but lazy.
  void schedule(Timer& timer, Time deadline) {
    timer.deadline_ = deadline;
    if (timer.filed() ? deadline_tick(deadline) >= timer.tick_ : deadline.is_never()) return;
    file(timer);
  }
  void cancel(Timer& timer);

  // When advance() is to be called next: never later than the earliest deadline's tick, possibly
  // earlier (then nothing fires). never() when nothing is filed.
  Time next() const;

  // Calls fire(Timer&) for each deadline that has come. The timer is out of the wheel by then and
  // may be scheduled again, also from within (a deadline in the past then fires at the next
  // advance, a tick later); other timers may be scheduled, cancelled and destroyed.
  template <class Fire>
  void advance(Time now, Fire fire) {
    collect(tick_of(now));
    while (Timer* timer = pop_due()) fire(*timer);
  }

 private:
  static constexpr int kLevelBits = 6;
  static constexpr std::size_t kPlaces = std::size_t{1} << kLevelBits;
  static constexpr int kLevels = 5;  // 64^5 ticks: 19 hours; what is later is looked at again then

  struct Place {
    bool found = false;
    int level = 0;
    std::uint64_t tick = 0;  // its start
  };

  static std::uint64_t tick_of(Time now) { return static_cast<std::uint64_t>(now.ns) >> kTickBits; }
  // The first tick that is not before the deadline.
  static std::uint64_t deadline_tick(Time deadline) {
    return (static_cast<std::uint64_t>(deadline.ns) + kTick_ns - 1) >> kTickBits;
  }

  void file(Timer& timer);
  Place earliest() const;
  void collect(std::uint64_t end);
  void take(const Place& place, Timer& into);
  Timer* pop_due();
  Timer& head(int level, std::size_t index) { return heads_[level * kPlaces + index]; }

  static constexpr std::uint64_t kNothing = ~std::uint64_t{0};

  std::uint64_t now_tick_;
  std::uint64_t next_tick_ = kNothing;  // no place that holds timers starts earlier
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<Timer, kLevels * kPlaces> heads_;
  Timer due_;
};

}  // namespace zyphos
