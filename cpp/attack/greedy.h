// Attack `greedy`: one connection that always has more for the server to read.
#pragma once

#include "attack/attack.h"

namespace zyphos::attack {

// The calling thread is in the attacker's namespace. From the start on to the end, or until
// `stop_fd` is readable; `sent` counts whole requests. std::system_error where it cannot connect;
// a connection that the server ends is not made anew.
Done be_greedy(const Options& options, int stop_fd);

}  // namespace zyphos::attack
