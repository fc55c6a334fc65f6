// The completion loop: io_uring as its options have it (uring_options.h), by themselves with
// DEFER_TASKRUN, multishot accept and receive into a ring of provided buffers; sends are submitted
// with the next wait: about one system call per batch.
#pragma once

#include <memory>

#include "engine/loop.h"

namespace zyphos {

// std::system_error when the ring cannot be made.
std::unique_ptr<Loop> make_uring_loop(LoopSetup setup);

}  // namespace zyphos
