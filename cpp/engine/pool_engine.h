// A fixed number of threads, each of which serves one connection at a time, and a queue of accepted
// connections for them. What happens when the queue is full, and who is taken from it next, is in
// EngineOptions::blocking_threads. Queue length and waits are on the board (base/counters.h).
#pragma once

#include <memory>

#include "engine/engine.h"

namespace zyphos {

// options.threads threads; start() throws std::system_error where there are none to be had.
std::unique_ptr<Engine> make_pool_engine(const EngineOptions& options, ConnectionFactory factory,
                                         Board& board);

}  // namespace zyphos
