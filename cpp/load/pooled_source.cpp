#include "load/pooled_source.h"

namespace zyphos {

void PooledSource::run(Time start, Window window) {
  arrivals_.start(start, window);
  end_ = window.end;
  next_ = arrivals_.next();
}

void PooledSource::freed(std::uint32_t channel, Time now) {
  if (pool_.serves(channel)) pool_.released(channel, now);
}

void PooledSource::lost(std::uint32_t channel) {
  if (held_ && held_->connection == channel) {
    pool_.untaken(channel, held_->request);
    held_.reset();
    return;
  }
  pool_.gone(channel);
}

// All that were due by now ask.
void PooledSource::come(Time now) {
  for (; next_ <= now && next_ < end_; next_ = arrivals_.next()) {
    if (!pool_.ask(static_cast<std::uint64_t>(next_.ns))) refused_.put(next_);
  }
}

bool PooledSource::peek(Time now, Ticket& ticket) {
  come(now);
  while (!held_) {
    const auto step = pool_.next(now);
    if (!step) return false;
    switch (step->kind) {
      case Pool::Step::Kind::serve: held_ = step; break;
      case Pool::Step::Kind::dial: orders_.put({Order::Kind::dial, step->connection}); break;
      case Pool::Step::Kind::check: orders_.put({Order::Kind::check, step->connection}); break;
      case Pool::Step::Kind::close: orders_.put({Order::Kind::close, step->connection}); break;
    }
  }
  ticket = {.scheduled = {static_cast<std::int64_t>(held_->request)}, .channel = held_->connection};
  return true;
}

Time PooledSource::due() const {
  return std::min(next_ < end_ ? next_ : Time::never(), pool_.due());
}

bool PooledSource::backlog(Time& scheduled) {
  if (const auto request = pool_.give_up()) {
    scheduled = {static_cast<std::int64_t>(*request)};
    return true;
  }
  if (next_ >= end_) return false;
  scheduled = next_;
  next_ = arrivals_.next();
  return true;
}

}  // namespace zyphos
