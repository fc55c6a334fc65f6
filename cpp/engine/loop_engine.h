// The engine of loops: one thread, listener, mailbox and board slot for each.
#pragma once

#include <memory>

#include "engine/loop.h"

namespace zyphos {

std::unique_ptr<Engine> make_loop_engine(const EngineOptions& options, ConnectionFactory factory,
                                         Board& board, LoopMaker maker);

}  // namespace zyphos
