// The completion loop: io_uring with DEFER_TASKRUN, multishot accept and receive into a ring of
// provided buffers, sends submitted with the next wait: about one system call per batch.
#pragma once

#include <memory>
#include <string>

#include "engine/loop.h"

namespace zyphos {

// Why this build or machine cannot run it; empty: it can. Makes and drops a small ring.
std::string uring_missing();

// std::system_error when the ring cannot be made.
std::unique_ptr<Loop> make_uring_loop(LoopSetup setup);

}  // namespace zyphos
