// The switches of engine uring as `uring.NAME=value` words.
#pragma once

#include <string>
#include <string_view>

#include "engine/uring_options.h"
#include "tool/words.h"

namespace zyphos {

// The table refers to both, which must outlive it; `taskrun` is for taskrun_of().
void add_uring(Words& words, UringOptions& options, std::string& taskrun);

// "defer", "coop", "none".
Taskrun taskrun_of(std::string_view name);

}  // namespace zyphos
