// One thread, one connection at a time: accept, serve to the end, the next. Who comes meanwhile
// waits in the kernel's accept queue. A silent peer is reset after options.blocking_threads'
// silence_timeout_ns, or it would hold all of them.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace zyphos {

std::unique_ptr<Engine> make_sequential_engine(const EngineOptions& options,
                                               ConnectionFactory factory, Board& board);

}  // namespace zyphos
