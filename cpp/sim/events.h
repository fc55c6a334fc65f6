// Events: what is to happen in virtual time, in order; equal times in the order they were added.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
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

// What an event carries beside its place in time.
struct Payload {
  std::string bytes{};
  Waker waker{};
  std::function<void()> action{};
};

struct Event {
  Time due;
  Kind kind = Kind::action;
  std::uint32_t end = 0;  // whom it concerns
  std::uint64_t size = 0;
};

// A heap of small entries; payloads stay where they are, in places that are used again.
class Events {
 public:
  void add(const Event& event, Payload payload = {}) {
    std::uint32_t place = 0;
    if (free_.empty()) {
      place = static_cast<std::uint32_t>(payloads_.size());
      payloads_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    payloads_[place] = std::move(payload);
    heap_.push_back({event, next_sequence_++, place});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  bool empty() const { return heap_.empty(); }
  Time next() const { return heap_.empty() ? Time::never() : heap_.front().event.due; }
  Event take(Payload& payload) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Entry entry = heap_.back();
    heap_.pop_back();
    payload = std::move(payloads_[entry.place]);
    free_.push_back(entry.place);
    return entry.event;
  }

 private:
  struct Entry {
    Event event;
    std::uint64_t sequence;
    std::uint32_t place;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.event.due != b.event.due ? a.event.due > b.event.due : a.sequence > b.sequence;
  }

  std::vector<Entry> heap_;
  std::vector<Payload> payloads_;
  std::vector<std::uint32_t> free_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace zyphos::sim
