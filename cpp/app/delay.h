// Delay: the Hello answer, a constant time after the request's head, from an asynchronous
// application.
#pragma once

#include <cstdint>
#include <memory>

#include "app/bells.h"
#include "app/hello.h"
#include "app/timers.h"

namespace zyphos::app {

// Thread safety: one Delay serves all threads.
class Delay final : public Handler {
 public:
  // `timers` outlives it.
  Delay(Timers& timers, std::int64_t delay_ns, std::size_t response_bytes)
      : timers_(timers), delay_ns_(delay_ns), hello_(response_bytes) {}

  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

 private:
  Timers& timers_;
  std::int64_t delay_ns_;
  Hello hello_;
};

// The same, answered when a bell has rung, whatever the clock says.
//
// Thread safety: one serves all threads.
class BellDelay final : public Handler {
 public:
  BellDelay(Clockwork clockwork, std::int64_t delay_ns, std::size_t response_bytes)
      : bells_(make_bells(clockwork)), delay_ns_(delay_ns), hello_(response_bytes) {}

  std::unique_ptr<Exchange> begin(const RequestHead& head, const ExchangeContext& context) override;

 private:
  std::unique_ptr<Bells> bells_;
  std::int64_t delay_ns_;
  Hello hello_;
};

}  // namespace zyphos::app
