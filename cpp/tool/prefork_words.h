// The options of engine prefork as words: workers, workers_max, accept, steer, recycle_requests.
#pragma once

#include "engine/prefork_options.h"
#include "tool/words.h"

namespace zyphos {

// The table refers to `options`, which must outlive it.
void add_prefork(Words& words, PreforkOptions& options);

}  // namespace zyphos
