// The loop of coroutines: each connection is one, which reads as if it had a thread of its own and
// awaits its next event on this loop's edge-triggered epoll set. The same system calls as the epoll
// loop's, so that the two can be compared: what differs is who keeps the place, a frame or a state.
#pragma once

#include <memory>

#include "engine/loop.h"

namespace zyphos {

std::unique_ptr<Loop> make_coroutine_loop(LoopSetup setup);

}  // namespace zyphos
