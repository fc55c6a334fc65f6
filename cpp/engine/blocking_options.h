// What the engines of blocking threads (thread, pool, sequential) are told besides EngineOptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.h"
#include "sched/bounded_queue.h"

namespace zyphos {

// What a pool does with a connection for which its queue has no room.
enum class WhenBusy : std::uint8_t {
  wait,           // nothing is accepted until there is: they wait in the kernel's accept queue
  reject_newest,  // it is refused
  drop_oldest,    // the one that has waited longest is refused in its place
  caller_runs,    // the acceptor serves it itself, and accepts nobody meanwhile
};

struct BlockingOptions {
  std::size_t stack_bytes = 256 * 1024;  // of each thread, without the page that guards it
  // Engines pool and sequential: a connection on which nothing moves for so long is reset, so that
  // a silent peer does not hold a thread that others wait for. 0: never.
  std::int64_t silence_timeout_ns = 10 * kSecond_ns;
  // Engine pool, which has EngineOptions::threads threads.
  std::size_t queue_max = 1024;  // 0: without bound
  QueueOrder queue_order = QueueOrder::fifo;
  WhenBusy when_busy = WhenBusy::wait;
  // What is written to a refused peer before its FIN; nothing: it is reset. Outlives the engine's
  // threads as part of the options.
  std::string refusal = {};
};

}  // namespace zyphos
