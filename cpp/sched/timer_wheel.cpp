#include "sched/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace zyphos {

// Level L has places of 64^L ticks. A timer is filed on the lowest level on which its place is less
// than a turn ahead; when the wheel comes to the place's start, its timers are filed anew, lower,
// or become due. What is already due when it is scheduled comes up at the next tick.

void Timer::unlink() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

void Timer::link_after(Timer& other) {
  previous_ = &other;
  next_ = other.next_;
  next_->previous_ = this;
  other.next_ = this;
}

TimerWheel::TimerWheel(Time now) : now_tick_(tick_of(now)) {
  for (Timer& place : heads_) place.previous_ = place.next_ = &place;
  due_.previous_ = due_.next_ = &due_;
}

void TimerWheel::cancel(Timer& timer) {
  timer.unlink();
  timer.deadline_ = Time::never();
}

void TimerWheel::file(Timer& timer) {
  timer.unlink();
  const std::uint64_t wanted = std::max(deadline_tick(timer.deadline_), now_tick_ + 1);
  int level = 0;
  while (level < kLevels &&
         (wanted >> (kLevelBits * level)) - (now_tick_ >> (kLevelBits * level)) >= kPlaces) {
    ++level;
  }
  std::uint64_t place = 0;
  if (level == kLevels) {
    --level;
    place = (now_tick_ >> (kLevelBits * level)) + kPlaces - 1;
  } else {
    place = wanted >> (kLevelBits * level);
  }
  timer.tick_ = place << (kLevelBits * level);
  next_tick_ = std::min(next_tick_, timer.tick_);
  const std::size_t index = place % kPlaces;
  timer.link_after(*head(level, index).previous_);
  occupied_[level] |= std::uint64_t{1} << index;
}

TimerWheel::Place TimerWheel::earliest() const {
  Place best;
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const std::uint64_t here = now_tick_ >> (kLevelBits * level);
    const auto turned = std::rotr(occupied_[level], static_cast<int>(here % kPlaces));
    const std::uint64_t place = here + static_cast<std::uint64_t>(std::countr_zero(turned));
    const std::uint64_t tick = place << (kLevelBits * level);
    if (!best.found || tick < best.tick) best = {.found = true, .level = level, .tick = tick};
  }
  return best;
}

Time TimerWheel::next() const {
  if (next_tick_ == kNothing) return Time::never();
  return {static_cast<std::int64_t>(next_tick_ << kTickBits)};
}

void TimerWheel::take(const Place& place, Timer& into) {
  const std::size_t index = (place.tick >> (kLevelBits * place.level)) % kPlaces;
  Timer& from = head(place.level, index);
  occupied_[place.level] &= ~(std::uint64_t{1} << index);
  while (from.next_ != &from) {
    Timer& timer = *from.next_;
    timer.unlink();
    timer.link_after(*into.previous_);
  }
}

void TimerWheel::collect(std::uint64_t end) {
  if (end < next_tick_) {
    now_tick_ = std::max(now_tick_, end);
    return;
  }
  Timer taken;
  taken.previous_ = taken.next_ = &taken;
  for (Place place = earliest(); place.found && place.tick <= end; place = earliest()) {
    now_tick_ = place.tick;
    take(place, taken);
    while (taken.next_ != &taken) {
      Timer& timer = *taken.next_;
      timer.unlink();
      if (timer.deadline_.is_never()) continue;
      if (deadline_tick(timer.deadline_) > end) {
        file(timer);
      } else {
        timer.link_after(*due_.previous_);
      }
    }
  }
  now_tick_ = std::max(now_tick_, end);
  const Place next_place = earliest();
  next_tick_ = next_place.found ? next_place.tick : kNothing;
}

// The next timer whose deadline has come: one that was collected may have been moved since by
// another's firing.
Timer* TimerWheel::pop_due() {
  while (due_.next_ != &due_) {
    Timer* timer = due_.next_;
    timer->unlink();
    if (deadline_tick(timer->deadline_) <= now_tick_) {
      timer->deadline_ = Time::never();
      return timer;
    }
    if (!timer->deadline_.is_never()) file(*timer);
  }
  return nullptr;
}

}  // namespace zyphos
