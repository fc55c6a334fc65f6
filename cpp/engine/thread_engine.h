// A thread for each connection: plain blocking recv, one send. An acceptor thread makes them, joins
// them and ends them.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace zyphos {

// start() installs an empty handler for SIGURG where there is none (it interrupts a blocking recv
// when draining).
std::unique_ptr<Engine> make_thread_engine(const EngineOptions& options, ConnectionFactory factory,
                                           Board& board);

}  // namespace zyphos
