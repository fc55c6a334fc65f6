#include "load/open_source.h"

namespace zyphos {

OpenSource::OpenSource(const Arrivals& arrivals, std::size_t places, std::uint32_t channels)
    : arrivals_(arrivals), places_each_(places), places_(channels), queue_(channels) {}

void OpenSource::run(Time start, Time end) {
  arrivals_.start(start);
  end_ = end;
  next_ = arrivals_.next();
}

void OpenSource::joined(std::uint32_t channel, Time) {
  places_[channel].up = true;
  places_[channel].free = places_each_;
  offer(channel);
}

void OpenSource::freed(std::uint32_t channel, Time) {
  if (!places_[channel].up) return;
  ++places_[channel].free;
  offer(channel);
}

void OpenSource::lost(std::uint32_t channel) {
  places_[channel].up = false;
  places_[channel].free = 0;
}

void OpenSource::offer(std::uint32_t channel) {
  if (places_[channel].queued) return;
  places_[channel].queued = true;
  queue_[(first_ + queued_) % queue_.size()] = channel;
  ++queued_;
}

bool OpenSource::find_place() {
  while (queued_ > 0) {
    Places& places = places_[queue_[first_]];
    if (places.free > 0) return true;
    places.queued = false;
    first_ = (first_ + 1) % queue_.size();
    --queued_;
  }
  return false;
}

bool OpenSource::peek(Time now, Ticket& ticket) {
  if (next_ > now || next_ >= end_ || !find_place()) return false;
  ticket = {next_, queue_[first_]};
  return true;
}

void OpenSource::take() {
  const std::uint32_t channel = queue_[first_];
  Places& places = places_[channel];
  --places.free;
  // To the end of the queue: connections take turns.
  places.queued = false;
  first_ = (first_ + 1) % queue_.size();
  --queued_;
  if (places.free > 0) offer(channel);
  next_ = arrivals_.next();
}

Time OpenSource::due() const {
  if (next_ >= end_) return Time::never();
  for (std::size_t i = 0; i < queued_; ++i) {
    if (places_[queue_[(first_ + i) % queue_.size()]].free > 0) return next_;
  }
  return Time::never();
}

bool OpenSource::backlog(Time& scheduled) {
  if (!has_backlog()) return false;
  scheduled = next_;
  next_ = arrivals_.next();
  return true;
}

}  // namespace zyphos
