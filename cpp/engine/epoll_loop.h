// The edge-triggered loop: readiness from epoll, one recv and one send per request, one
// epoll_wait per batch. Deadlines are kept to the millisecond.
#pragma once

#include <memory>

#include "engine/loop.h"

namespace zyphos {

std::unique_ptr<Loop> make_epoll_loop(LoopSetup setup);

}  // namespace zyphos
