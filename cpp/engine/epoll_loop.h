// The edge-triggered loop: readiness from epoll, one recv and one send per request, one
// epoll_pwait2 per batch.
#pragma once

#include <memory>
#include <string>

#include "engine/loop.h"

namespace zyphos {

// Why this machine cannot run it; empty: it can.
std::string epoll_missing();

std::unique_ptr<Loop> make_epoll_loop(LoopSetup setup);

}  // namespace zyphos
