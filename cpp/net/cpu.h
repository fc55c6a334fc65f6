// Which CPU a thread runs on.
#pragma once

#include <span>

namespace zyphos {

// Pins the calling thread, and the threads that it will start, to one CPU or to several.
// std::system_error when none of them is there and allowed.
void pin_thread(int cpu);
void pin_thread(std::span<const int> cpus);

}  // namespace zyphos
