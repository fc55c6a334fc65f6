// Names of system calls, for the architecture of this build.
#pragma once

#include <string_view>

namespace zyphos {

// Numbers that are counted apart; the last slot takes every other number (x32, out of range).
inline constexpr unsigned kSyscallSlots = 512;

// The kernel's name without a prefix ("epoll_wait"); empty where the headers of the build know
// none. Thread-safe; no allocation after the first call. Source: <asm/unistd.h>.
std::string_view syscall_name(unsigned number);

}  // namespace zyphos
