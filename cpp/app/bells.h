// Bells: timers whose word is taken. Who set one looks at no clock when it rings: that the time has
// come is the timer's to know. What keeps them, `Clockwork`, is thus seen from outside, mistakes
// included.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/time.h"
#include "protocol/waker.h"

namespace zyphos::app {

enum class Clockwork : std::uint8_t {
  wheel,      // the hierarchical wheel (sched/timer_wheel.h): any distance
  rounds,     // one wheel of 4,096 places, 268 ms; what is further ahead waits for its turn
  forgotten,  // the mistake: the same wheel, and it rings with the first turn
};

struct Bell {
  explicit Bell(Waker whom) : waker(std::move(whom)) {}

  const Waker waker;
  std::atomic<bool> rung{false};  // before the waker is called
};

// Thread safety: ring_at() from any thread.
class Bells {
 public:
  virtual ~Bells() = default;
  // Rings `bell` once, when the clockwork takes `due` to have come.
  virtual void ring_at(Time due, std::shared_ptr<Bell> bell) = 0;
};

// With a thread of its own, on CLOCK_MONOTONIC. What is not due when it goes never rings.
std::unique_ptr<Bells> make_bells(Clockwork clockwork);

}  // namespace zyphos::app
