// Flights: the requests under way of one thread, in the order in which they were submitted. A
// flight's number is the tag that its Client carries. O(1) for each call; allocates nothing after
// construction. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "base/time.h"

namespace zyphos {

class Flights {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  struct Flight {
    Time scheduled;
    Time sent = Time::never();  // never(): not yet
    std::uint32_t channel = 0;
    std::uint32_t entry = 0;  // of the list of requests
    bool opens_session = true;
    std::uint32_t before = kNone;
    std::uint32_t after = kNone;
    std::uint32_t unsent_after = kNone;  // the channel's next one that waits for its send
  };

  explicit Flights(std::size_t capacity) : flights_(capacity) {
    for (std::uint32_t i = 0; i < capacity; ++i) free_.push_back(i);
  }

  std::uint32_t take(Time scheduled, std::uint32_t channel) {
    ZY_CHECK(!free_.empty());
    const std::uint32_t number = free_.back();
    free_.pop_back();
    flights_[number] = {.scheduled = scheduled, .channel = channel, .before = newest_};
    (newest_ == kNone ? oldest_ : flights_[newest_].after) = number;
    newest_ = number;
    return number;
  }

  void give(std::uint32_t number) {
    const Flight& flight = flights_[number];
    (flight.before == kNone ? oldest_ : flights_[flight.before].after) = flight.after;
    (flight.after == kNone ? newest_ : flights_[flight.after].before) = flight.before;
    free_.push_back(number);
  }

  Flight& at(std::uint32_t number) { return flights_[number]; }
  const Flight& at(std::uint32_t number) const { return flights_[number]; }
  // kNone when there is none.
  std::uint32_t oldest() const { return oldest_; }
  std::size_t size() const { return flights_.size() - free_.size(); }

 private:
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_;
  std::uint32_t oldest_ = kNone;
  std::uint32_t newest_ = kNone;
};

}  // namespace zyphos
