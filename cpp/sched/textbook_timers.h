// Timers as textbooks have them, beside which the wheel is tested and measured: for tests, benches
// and experiments only. Each keeps timers by number, below `count` (OneWheel: it grows): set(),
// cancel(), and expire(), which calls fire(number) for each that is due.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "base/time.h"
#include "sched/timer_wheel.h"

namespace zyphos::textbook {

// A tree by deadline, which remembers where each timer is in it.
class Tree {
 public:
  explicit Tree(std::size_t count) : places_(count) {}

  void set(std::size_t number, Time deadline) {
    cancel(number);
    places_[number] = tree_.emplace(deadline.ns, number);
  }
  void cancel(std::size_t number) {
    if (places_[number]) tree_.erase(*std::exchange(places_[number], std::nullopt));
  }
  template <class Fire>
  void expire(Time now, Fire fire) {
    while (!tree_.empty() && tree_.begin()->first <= now.ns) {
      const std::size_t number = tree_.begin()->second;
      cancel(number);
      fire(number);
    }
  }

 private:
  using Places = std::multimap<std::int64_t, std::size_t>;
  Places tree_;
  std::vector<std::optional<Places::iterator>> places_;
};

// A heap, from whose middle nothing can be taken: what is cancelled stays until its time and is
// told by its turn.
class Heap {
 public:
  explicit Heap(std::size_t count) : turns_(count) {}

  void set(std::size_t number, Time deadline) {
    heap_.push({.due_ns = deadline.ns, .number = number, .turn = ++turns_[number]});
  }
  void cancel(std::size_t number) { ++turns_[number]; }
  template <class Fire>
  void expire(Time now, Fire fire) {
    while (!heap_.empty() && heap_.top().due_ns <= now.ns) {
      const Entry entry = heap_.top();
      heap_.pop();
      if (entry.turn != turns_[entry.number]) continue;
      cancel(entry.number);
      fire(entry.number);
    }
  }

 private:
  struct Entry {
    std::int64_t due_ns;
    std::size_t number;
    std::uint64_t turn;
    friend bool operator<(const Entry& a, const Entry& b) { return a.due_ns > b.due_ns; }
  };
  std::priority_queue<Entry> heap_;
  std::vector<std::uint64_t> turns_;
};

// One wheel, one turn: 4,096 places of a tick. `Rounds::counted`: what is further ahead waits for
// as many turns, looked at in each (Varghese and Lauck's scheme 6). `Rounds::forgotten` is the
// mistake: it comes up with the first.
enum class Rounds : std::uint8_t { counted, forgotten };

template <Rounds rounds>
class OneWheel {
 public:
  static constexpr std::size_t kPlaces = 4096;
  static constexpr std::int64_t kTick_ns = TimerWheel::kTick_ns;
  static constexpr std::int64_t kHorizon_ns = kTick_ns * kPlaces;

  explicit OneWheel(std::size_t count) : timers_(count), heads_(kPlaces, kNone) {}

  void set(std::size_t number, Time deadline) {
    if (number >= timers_.size()) timers_.resize(number + 1);
    cancel(number);
    const std::uint64_t tick = static_cast<std::uint64_t>(deadline.ns + kTick_ns - 1) / kTick_ns;
    link(number, tick > now_tick_ ? tick : now_tick_ + 1);
  }
  void cancel(std::size_t number) {
    Timer& timer = timers_[number];
    if (!timer.filed) return;
    std::size_t& before =
        timer.previous == kNone ? heads_[timer.tick % kPlaces] : timers_[timer.previous].next;
    before = timer.next;
    if (timer.next != kNone) timers_[timer.next].previous = timer.previous;
    timer.filed = false;
  }
  template <class Fire>
  void expire(Time now, Fire fire) {
    const auto end = static_cast<std::uint64_t>(now.ns) / kTick_ns;
    while (now_tick_ < end) {
      ++now_tick_;
      std::size_t next = kNone;
      for (std::size_t at = heads_[now_tick_ % kPlaces]; at != kNone; at = next) {
        next = timers_[at].next;
        if (rounds == Rounds::counted && timers_[at].tick > now_tick_) continue;
        cancel(at);
        fire(at);
      }
    }
  }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Timer {
    std::uint64_t tick = 0;
    std::size_t previous = kNone;
    std::size_t next = kNone;
    bool filed = false;
  };

  void link(std::size_t number, std::uint64_t tick) {
    std::size_t& head = heads_[tick % kPlaces];
    timers_[number] = {.tick = tick, .next = head, .filed = true};
    if (head != kNone) timers_[head].previous = number;
    head = number;
  }

  std::vector<Timer> timers_;
  std::vector<std::size_t> heads_;
  std::uint64_t now_tick_ = 0;
};

}  // namespace zyphos::textbook
