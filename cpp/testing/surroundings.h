// Surroundings: what a Slot needs of its driver, for tests: a pool, a board, seeded randomness,
// wakes that are written down and dialing that is refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/connection.h"
#include "protocol/slot.h"

namespace zyphos::testing {

// Counts the wakes of each slot. Not thread-safe.
class WakeLog final : public WakeTarget {
 public:
  struct Wake {
    std::uint32_t slot;
    std::uint32_t generation;
    std::uint32_t tag;
  };
  void wake(std::uint32_t slot, std::uint32_t generation, std::uint32_t tag) noexcept override {
    wakes.push_back({slot, generation, tag});
  }
  std::vector<Wake> wakes;
};

class NoDialer final : public Dialer {
 public:
  void dial(const Address&, std::unique_ptr<Connection>) override { ++asked; }
  int asked = 0;
};

struct Surroundings {
  explicit Surroundings(const SlotLimits& limits = {})
      : driver{.pool = pool,
               .dial = dialer,
               .random = random,
               .counters = counters,
               .draining = draining,
               .wakes = wakes,
               .limits = limits} {}

  Waker waker(std::uint32_t slot = 0) { return {wakes, slot, 0}; }

  BlockPool pool;
  Random random{1};
  Counters counters;
  std::atomic<bool> draining{false};
  NoDialer dialer;
  std::shared_ptr<WakeLog> wakes = std::make_shared<WakeLog>();
  Driver driver;
};

}  // namespace zyphos::testing
