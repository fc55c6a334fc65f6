// The loop of readiness: a Poller (poller.h) tells what is ready, and one recv and one send per
// request move it. The same above epoll, poll and select; only epoll may tell by edges. Deadlines
// are kept to the millisecond.
#pragma once

#include <memory>

#include "engine/loop.h"

namespace zyphos {

std::unique_ptr<Loop> make_epoll_loop(LoopSetup setup);
std::unique_ptr<Loop> make_poll_loop(LoopSetup setup);
std::unique_ptr<Loop> make_select_loop(LoopSetup setup);

}  // namespace zyphos
