#include "load/pool.h"

#include <utility>

#include "base/check.h"

namespace zyphos {

Pool::Pool(const PoolOptions& options)
    : options_(options),
      links_(options.connections_max),
      queue_(options.connections_max + options.waiting_max) {
  ZY_CHECK(options.connections_max > 0);
  closed_.reserve(links_.size());
  ready_.reserve(links_.size());
  for (auto i = static_cast<std::uint32_t>(links_.size()); i > 0; --i) closed_.push_back(i - 1);
}

// Each connection that serves nobody may take one of those who wait.
bool Pool::ask(std::uint64_t request) {
  if (waiting_ >= options_.waiting_max + links_.size() - leased_) {
    ++counts_.refused;
    return false;
  }
  queue_[(first_ + waiting_) % queue_.size()] = request;
  ++waiting_;
  return true;
}

void Pool::become_ready(std::uint32_t connection, State from) {
  Link& link = links_.at(connection);
  ZY_CHECK(link.state == from);
  --coming_;
  link.state = State::ready;
  ready_.push_back(connection);
}

void Pool::released(std::uint32_t connection, Time now) {
  ZY_CHECK(links_.at(connection).state == State::leased);
  --leased_;
  become_idle(connection, now);
}

void Pool::become_idle(std::uint32_t connection, Time now) {
  Link& link = links_[connection];
  link.state = State::idle;
  link.since = now;
  link.before = newest_;
  link.after = kNone;
  (newest_ == kNone ? oldest_ : links_[newest_].after) = connection;
  newest_ = connection;
  ++idle_;
}

void Pool::leave_idle(std::uint32_t connection) {
  const Link& link = links_[connection];
  (link.before == kNone ? oldest_ : links_[link.before].after) = link.after;
  (link.after == kNone ? newest_ : links_[link.after].before) = link.before;
  --idle_;
}

void Pool::gone(std::uint32_t connection) {
  switch (links_.at(connection).state) {
    case State::closed: return;
    case State::dialing:
    case State::checking: --coming_; break;
    case State::ready: std::erase(ready_, connection); break;
    case State::idle: leave_idle(connection); break;
    case State::leased: --leased_; break;
  }
  close(connection);
}

void Pool::close(std::uint32_t connection) {
  links_[connection] = {};
  closed_.push_back(connection);
}

bool Pool::timed_out(std::uint32_t connection, Time now) const {
  return options_.idle_timeout_ns > 0 && now >= links_[connection].since + options_.idle_timeout_ns;
}

bool Pool::wants_check(std::uint32_t connection, Time now) const {
  return options_.check_after_ns && now >= links_[connection].since + *options_.check_after_ns;
}

std::uint64_t Pool::first_waiting() {
  const std::uint64_t request = queue_[first_];
  first_ = (first_ + 1) % queue_.size();
  --waiting_;
  return request;
}

void Pool::untaken(std::uint32_t connection, std::uint64_t request) {
  ZY_CHECK(serves(connection));
  --counts_.served;
  gone(connection);
  first_ = (first_ + queue_.size() - 1) % queue_.size();
  queue_[first_] = request;
  ++waiting_;
}

std::optional<std::uint64_t> Pool::give_up() {
  if (waiting_ == 0) return {};
  return first_waiting();
}

Pool::Step Pool::lease(std::uint32_t connection) {
  Link& link = links_[connection];
  link.state = State::leased;
  ++leased_;
  ++counts_.served;
  if (std::exchange(link.has_served, true)) ++counts_.reused;
  const std::uint64_t request = first_waiting();
  return {.kind = Step::Kind::serve, .connection = connection, .request = request};
}

Pool::Step Pool::begin(Step::Kind kind, State state, std::uint32_t connection) {
  links_[connection].state = state;
  ++coming_;
  return {.kind = kind, .connection = connection};
}

std::optional<Pool::Step> Pool::next(Time now) {
  if (oldest_ != kNone && timed_out(oldest_, now)) {
    const std::uint32_t connection = oldest_;
    leave_idle(connection);
    close(connection);
    ++counts_.timed_out;
    return Step{.kind = Step::Kind::close, .connection = connection};
  }
  for (; !ready_.empty() && waiting_ == 0; ready_.pop_back()) become_idle(ready_.back(), now);
  return waiting_ > 0 ? hand_out(now) : std::nullopt;
}

std::optional<Pool::Step> Pool::hand_out(Time now) {
  if (!ready_.empty()) {
    const std::uint32_t connection = ready_.back();
    ready_.pop_back();
    return lease(connection);
  }
  // Those on their way have somebody who waits for them.
  const bool enough = coming_ >= waiting_;
  const std::uint32_t best = options_.order == PoolOrder::lifo ? newest_ : oldest_;
  if (best != kNone && !wants_check(best, now)) {
    leave_idle(best);
    return lease(best);
  }
  if (enough) return std::nullopt;
  if (best != kNone) {
    leave_idle(best);
    ++counts_.checked;
    return begin(Step::Kind::check, State::checking, best);
  }
  if (closed_.empty()) return std::nullopt;
  const std::uint32_t connection = closed_.back();
  closed_.pop_back();
  ++counts_.dialed;
  return begin(Step::Kind::dial, State::dialing, connection);
}

Time Pool::due() const {
  if (oldest_ == kNone || options_.idle_timeout_ns == 0) return Time::never();
  return links_[oldest_].since + options_.idle_timeout_ns;
}

}  // namespace zyphos
