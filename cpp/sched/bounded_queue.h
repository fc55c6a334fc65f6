// BoundedQueue: what some threads put in and others take out, in order of coming or the last first,
// with a bound, and each of the things that can be done at the bound: leave it to the caller, or
// throw out the oldest. The memory grows up to the most that has been in it, and stays.
//
// Thread safety: all of it, from any thread. Invariants: (1) what try_put() refuses is left with
// its caller; (2) what was put in is given out once, by take() or put_over_oldest(); (3) after
// close() nothing is taken in, and what is in it is still given out. Cost: O(1) under one lock; a
// system call only where a taker waits, or has to.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace zyphos {

enum class QueueOrder : std::uint8_t { fifo, lifo };

template <class T>
class BoundedQueue {
 public:
  // `most` 0: without bound.
  BoundedQueue(std::size_t most, QueueOrder order) : most_(most), order_(order) {}
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // False: full or closed, and `item` is what it was. `found`: how many were in it before.
  bool try_put(T& item, std::size_t& found) { return put(item, found, most_); }
  // As if it had no bound. False: closed.
  bool put_beyond(T& item, std::size_t& found) { return put(item, found, 0); }
  // A full queue gives out its oldest to make room; a closed one gives back the item itself.
  std::optional<T> put_over_oldest(T item, std::size_t& found) {
    std::optional<T> out;
    {
      const std::scoped_lock lock(mutex_);
      found = count_;
      if (closed_) return item;
      if (is_full(most_)) out = take_oldest();
      append(std::move(item));
      if (waiting_ == 0) return out;
    }
    wake_.notify_one();
    return out;
  }

  // Waits. Empty: closed, and nothing is left.
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    wake_.wait(lock, [this] { return count_ > 0 || closed_; });
    --waiting_;
    if (count_ == 0) return std::nullopt;
    return order_ == QueueOrder::fifo ? take_oldest() : take_newest();
  }

  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    wake_.notify_all();
  }

  bool full() const {
    const std::scoped_lock lock(mutex_);
    return is_full(most_);
  }
  std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return count_;
  }

 private:
  bool put(T& item, std::size_t& found, std::size_t most) {
    {
      const std::scoped_lock lock(mutex_);
      found = count_;
      if (closed_ || is_full(most)) return false;
      append(std::move(item));
      if (waiting_ == 0) return true;
    }
    wake_.notify_one();
    return true;
  }

  bool is_full(std::size_t most) const { return most > 0 && count_ >= most; }

  void append(T item) {
    if (count_ == ring_.size()) grow();
    ring_[(first_ + count_++) % ring_.size()] = std::move(item);
  }
  T take_oldest() {
    T out = std::move(ring_[first_]);
    first_ = (first_ + 1) % ring_.size();
    --count_;
    return out;
  }
  T take_newest() { return std::move(ring_[(first_ + --count_) % ring_.size()]); }

  void grow() {
    std::vector<T> larger(ring_.empty() ? 16 : 2 * ring_.size());
    for (std::size_t i = 0; i < count_; ++i) {
      larger[i] = std::move(ring_[(first_ + i) % ring_.size()]);
    }
    ring_ = std::move(larger);
    first_ = 0;
  }

  const std::size_t most_;
  const QueueOrder order_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<T> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t waiting_ = 0;  // takers, in take()
  bool closed_ = false;
};

}  // namespace zyphos
