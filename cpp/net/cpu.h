// Which CPU a thread runs on.
#pragma once

namespace zyphos {

// Pins the calling thread. std::system_error when that CPU is not there or not allowed.
void pin_thread(int cpu);

}  // namespace zyphos
