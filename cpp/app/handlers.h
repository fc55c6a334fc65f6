// The lab's small applications, by name: what `app=` of zyphos-serve means. They know nothing of
// HTTP versions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/bells.h"
#include "protocol/handler.h"

namespace zyphos::app {

struct Options {
  std::size_t response_bytes = 13;       // hello: its body's length ("Hello, world!" repeated)
  std::int64_t delay_ns = 1'000'000;     // delay: from the request's head to the answer
  std::optional<Clockwork> timers = {};  // delay: answers when it says so; empty: looks itself
  std::string counter = "mutex";         // counter: how it counts (app/tally.h)
  std::size_t counter_steps = 0;         // counter: of work, before each addition
  std::string locking = "given";         // transfer: which lock first, and what if (app/transfer.h)
  std::int64_t hold_ns = 0;              // transfer: with one lock held, before the other is wanted
  std::size_t nest_bytes = 0;            // nest: of stack that /deep takes
};

// hello: 200 with a text of response_bytes, whatever was asked.
// echo:  200 with the request's body, streamed with back-pressure, in its Content-Type.
// delay: as hello, delay_ns later, woken by a timer thread of its own (an asynchronous
// application); with `timers` when such a clockwork rings, without a look at the clock.
// counter: as hello, after all its threads' requests have been counted together.
// transfer: as hello, after an amount has been moved from one account to the other and both were
// locked, in the one order or the other: a deadlock made on purpose.
// nest: as hello, but /deep goes so deep into its thread's stack before.
// report: 200 with the request's method, target and size of body, as they were read.
// Unknown name: std::invalid_argument, one line. Outlives every connection that uses it.
std::unique_ptr<Handler> make_handler(std::string_view name, const Options& options);

// The names that make_handler() knows.
std::vector<std::string_view> handler_names();

// Whether its exchanges use Wakers (blocking engines must then wait on two things).
bool handler_wakes(std::string_view name);

}  // namespace zyphos::app
