// The options of the engines of readiness as words: trigger, exclusive, accepting, hand_out.
#pragma once

#include "engine/readiness_options.h"
#include "tool/words.h"

namespace zyphos {

// The table refers to `options`, which must outlive it.
void add_readiness(Words& words, ReadinessOptions& options);

}  // namespace zyphos
