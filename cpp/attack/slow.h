// Attacks `slow_head`, `slow_body`, `slow_read`: connections that each hold on to the server by
// hardly moving, one byte at a time.
#pragma once

#include "attack/attack.h"

namespace zyphos::attack {

// The calling thread is in the attacker's namespace. From the start on to the end, or until
// `stop_fd` is readable. All connections are dialed at the start, and anew when the server has
// ended one (`ended` counts them). `sent` counts the bytes that were dripped, or read, in turn.
Done be_slow(const Options& options, int stop_fd);

}  // namespace zyphos::attack
