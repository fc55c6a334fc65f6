// The engine of loops: one thread, listener, mailbox and board slot for each. The threads are
// called zy-NAME-0, zy-NAME-1, ...
#pragma once

#include <memory>
#include <string_view>

#include "engine/loop.h"

namespace zyphos {

std::unique_ptr<Engine> make_loop_engine(std::string_view name, const EngineOptions& options,
                                         ConnectionFactory factory, Board& board, LoopMaker maker);

}  // namespace zyphos
