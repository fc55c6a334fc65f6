// A descriptor of a process, readable once that has ended (pidfd_open(2)).
#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "net/fd.h"

namespace zyphos {

// Close-on-exec. Empty, and errno, where there is no such process or the kernel has no pidfds.
inline Fd process_fd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace zyphos
