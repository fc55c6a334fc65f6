#include "engine/handoff.h"

#include <utility>

namespace zyphos {

bool Handoff::take(std::vector<Fd>& given) {
  given.clear();
  if (!anything_.load(std::memory_order_acquire)) return true;
  const std::scoped_lock lock(mutex_);
  anything_.store(closed_);
  given.swap(given_);
  return !closed_;
}

void Handoff::ended() {
  live_.fetch_sub(1, std::memory_order_relaxed);
  dispatcher_.ended();
}

void Handoff::give(Fd fd) {
  live_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::scoped_lock lock(mutex_);
    given_.push_back(std::move(fd));
    anything_.store(true);
  }
  mailbox_->poke();
}

void Handoff::close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    anything_.store(true);
  }
  mailbox_->poke();
}

Handoff& Dispatcher::add(std::shared_ptr<Mailbox> mailbox) {
  return *loops_.emplace_back(std::make_unique<Handoff>(*this, std::move(mailbox)));
}

Handoff& Dispatcher::choose() {
  const std::size_t first = next_++ % loops_.size();
  Handoff* chosen = loops_[first].get();
  if (hand_out_ == HandOut::round_robin) return *chosen;
  const auto live = [](const Handoff& loop) { return loop.live_.load(std::memory_order_relaxed); };
  for (std::size_t i = 1; i < loops_.size(); ++i) {
    Handoff* other = loops_[(first + i) % loops_.size()].get();
    if (live(*other) < live(*chosen)) chosen = other;
  }
  return *chosen;
}

void Dispatcher::give(Fd fd) { choose().give(std::move(fd)); }

void Dispatcher::ended() {
  if (waits_.load(std::memory_order_relaxed) && waits_.exchange(false)) acceptor_->poke();
}

void Dispatcher::close() {
  for (const auto& loop : loops_) loop->close();
}

}  // namespace zyphos
