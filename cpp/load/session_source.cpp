#include "load/session_source.h"

#include <cmath>

namespace zyphos {

SessionSource::SessionSource(const ArrivalOptions& arrival, const Arrivals& arrivals,
                             std::size_t places, std::uint32_t channels, const Random& random)
    : think_ns_(arrival.think_ns),
      requests_mean_(arrival.requests_mean),
      arrivals_(arrivals),
      random_(random),
      places_(places, channels),
      waiting_(channels) {
  for (Waiting& waiting : waiting_) waiting.left.resize(places);
  thinking_.reserve(places * channels * 2);
}

void SessionSource::run(Time start, Window window) {
  arrivals_.start(start, window);
  end_ = window.end;
  next_ = arrivals_.next();
}

// P(n) = (1 - 1/m)^(n-1) / m for n = 1, 2, ...: the mean is m.
std::uint64_t SessionSource::draw_requests() {
  if (requests_mean_ <= 1.0) return 1;
  const double drawn = std::log(random_.unit()) / std::log1p(-1.0 / requests_mean_);
  return 1 + static_cast<std::uint64_t>(std::min(drawn, 1e15));
}

void SessionSource::wait(std::uint32_t channel, std::uint64_t left) {
  Waiting& waiting = waiting_[channel];
  waiting.left[(waiting.first + waiting.size) % waiting.left.size()] = left;
  ++waiting.size;
}

void SessionSource::freed(std::uint32_t channel, Time now) {
  Waiting& waiting = waiting_[channel];
  if (waiting.size == 0) return;  // the connection is lost by now
  const std::uint64_t left = waiting.left[waiting.first];
  waiting.first = (waiting.first + 1) % waiting.left.size();
  --waiting.size;
  if (left == 0) {
    places_.freed(channel);
    return;
  }
  thinking_.push_back({now + think_ns_, channel, waiting.generation, left});
  std::ranges::push_heap(thinking_, Later{});
}

void SessionSource::lost(std::uint32_t channel) {
  places_.lost(channel);
  waiting_[channel].size = 0;
  ++waiting_[channel].generation;
}

void SessionSource::pop_thinking() {
  std::ranges::pop_heap(thinking_, Later{});
  thinking_.pop_back();
}

void SessionSource::drop_gone() {
  while (!thinking_.empty() &&
         waiting_[thinking_.front().channel].generation != thinking_.front().generation) {
    pop_thinking();
  }
}

// Sessions that wait for a place do not hold up those that have one.
bool SessionSource::peek(Time now, Ticket& ticket) {
  drop_gone();
  const Time latest = std::min(now, Time{end_.ns - 1});
  const bool thinker = !thinking_.empty() && thinking_.front().due <= latest;
  const bool session = next_ <= latest && places_.find();
  opens_ = session && !(thinker && thinking_.front().due <= next_);
  if (opens_) {
    ticket = {.scheduled = next_, .channel = places_.front()};
  } else if (thinker) {
    const Thinking& first = thinking_.front();
    ticket = {.scheduled = first.due, .channel = first.channel, .opens_session = false};
  }
  return thinker || session;
}

void SessionSource::take() {
  if (opens_) {
    const std::uint32_t channel = places_.front();
    places_.take();
    wait(channel, draw_requests() - 1);
    next_ = arrivals_.next();
  } else {
    const Thinking first = thinking_.front();
    pop_thinking();
    wait(first.channel, first.left - 1);
  }
}

Time SessionSource::due() const {
  Time due = thinking_.empty() ? Time::never() : thinking_.front().due;
  if (next_ < due && places_.any()) due = next_;
  return due < end_ ? due : Time::never();
}

bool SessionSource::has_backlog() const {
  return next_ < end_ || (!thinking_.empty() && thinking_.front().due < end_);
}

bool SessionSource::backlog(Time& scheduled) {
  if (next_ < end_) {
    scheduled = next_;
    next_ = arrivals_.next();
    return true;
  }
  drop_gone();
  if (thinking_.empty() || thinking_.front().due >= end_) return false;
  scheduled = thinking_.front().due;
  pop_thinking();
  return true;
}

}  // namespace zyphos
