#include "load/closed_source.h"

#include <algorithm>

namespace zyphos {

ClosedSource::ClosedSource(std::int64_t think_ns, std::size_t places, std::uint32_t channels,
                           const Random& random)
    : think_ns_(think_ns),
      places_(places),
      random_(random),
      generation_(channels),
      unanswered_(channels) {
  (think_ns_ > 0 ? thinking_ : ready_).reserve(places * channels * 2);
}

void ClosedSource::run(Time start, Window window) {
  start_ = start;
  end_ = window.end;
  for (std::uint32_t channel = 0; channel < generation_.size(); ++channel) {
    if (generation_[channel] % 2 == 1) {
      generation_[channel] -= 1;
      joined(channel, start);
    }
  }
}

void ClosedSource::joined(std::uint32_t channel, Time now) {
  if (generation_[channel] % 2 == 0) generation_[channel] += 1;
  if (start_.is_never()) return;  // run() starts the users
  if (think_ns_ == 0) {
    add_batch(now, channel);
    return;
  }
  for (std::size_t i = 0; i < places_; ++i) {
    // Thinking users begin spread out, or they would ask in step for ever.
    const auto pause = random_.below(static_cast<std::uint64_t>(think_ns_));
    add(now + static_cast<std::int64_t>(pause), channel);
  }
}

void ClosedSource::add_batch(Time due, std::uint32_t channel) {
  unanswered_[channel] = places_;
  for (std::size_t i = 0; i < places_; ++i) add(due, channel);
}

void ClosedSource::freed(std::uint32_t channel, Time now) {
  if (generation_[channel] % 2 == 0) return;
  if (think_ns_ > 0) {
    add(now + think_ns_, channel);
  } else if (--unanswered_[channel] == 0) {
    add_batch(now, channel);
  }
}

void ClosedSource::lost(std::uint32_t channel) {
  if (generation_[channel] % 2 == 1) generation_[channel] += 1;
}

void ClosedSource::add(Time due, std::uint32_t channel) {
  const User user{due, channel, generation_[channel]};
  if (think_ns_ == 0) {
    ready_.push_back(user);
    return;
  }
  thinking_.push_back(user);
  std::ranges::push_heap(thinking_, Later{});
}

bool ClosedSource::peek(Time now, Ticket& ticket) {
  for (;;) {
    const bool any = think_ns_ == 0 ? first_ < ready_.size() : !thinking_.empty();
    if (!any) return false;
    const User& user = think_ns_ == 0 ? ready_[first_] : thinking_.front();
    if (current(user)) {
      if (user.due > now || user.due >= end_) return false;
      ticket = {user.due, user.channel};
      return true;
    }
    take();
  }
}

void ClosedSource::take() {
  if (think_ns_ == 0) {
    if (++first_ < ready_.size()) return;
    ready_.clear();
    first_ = 0;
    return;
  }
  std::ranges::pop_heap(thinking_, Later{});
  thinking_.pop_back();
}

Time ClosedSource::due() const {
  Time due = Time::never();
  if (think_ns_ == 0 && first_ < ready_.size()) due = ready_[first_].due;
  if (think_ns_ != 0 && !thinking_.empty()) due = thinking_.front().due;
  return due < end_ ? due : Time::never();
}

}  // namespace zyphos
