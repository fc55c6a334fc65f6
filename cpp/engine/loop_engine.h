// The engine of loops: one thread, mailbox and board slot for each, and as options.readiness says a
// listener of its own, one that all share, or connections from one more thread that accepts. The
// threads are called zy-NAME-0, zy-NAME-1, ..., and zy-accept.
#pragma once

#include <memory>
#include <string_view>

#include "engine/loop.h"

namespace zyphos {

std::unique_ptr<Engine> make_loop_engine(std::string_view name, const EngineOptions& options,
                                         ConnectionFactory factory, Board& board, LoopMaker maker);

}  // namespace zyphos
