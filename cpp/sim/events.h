// Events: what is to happen in virtual time, in order; equal times in the order they were added.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "protocol/waker.h"

namespace zyphos::sim {

enum class Kind : std::uint8_t {
  accept,       // a connection request arrives
  established,  // ... and its answer
  refused,
  data,
  fin,
  reset,
  acked,     // `size` bytes were taken by the receiver
  deadline,  // of the connection
  wake,      // of the connection, `size` is the tag
  timer,     // `waker`
  action,    // `action`
};

struct Event {
  Time due;
  std::uint64_t sequence = 0;
  Kind kind = Kind::action;
  std::uint32_t end = 0;   // whom it concerns
  std::uint64_t size = 0;
  std::string bytes{};
  Waker waker{};
  std::function<void()> action{};
};

class Events {
 public:
  void add(Event event) {
    event.sequence = next_sequence_++;
    heap_.push_back(std::move(event));
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  bool empty() const { return heap_.empty(); }
  Time next() const { return heap_.empty() ? Time::never() : heap_.front().due; }
  Event take() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    Event event = std::move(heap_.back());
    heap_.pop_back();
    return event;
  }

 private:
  static bool later(const Event& a, const Event& b) {
    return a.due != b.due ? a.due > b.due : a.sequence > b.sequence;
  }

  std::vector<Event> heap_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace zyphos::sim
