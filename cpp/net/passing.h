// Descriptors on their way from one process to another (SCM_RIGHTS, unix(7)). No state.
#pragma once

#include <array>

#include "net/fd.h"

namespace zyphos {

// A pair of sockets that keep messages apart (SOCK_SEQPACKET): non-blocking, close-on-exec.
// std::system_error.
std::array<Fd, 2> passing_pair();

// Gives the other end a descriptor of the same socket; the caller keeps its own. False: there is no
// room now. std::system_error for all else (the other end is gone).
bool pass(int channel, int fd);

// The next descriptor passed, close-on-exec; below 0 and errno: EAGAIN where there is none, EMFILE
// where there was one and this process has no room for it (the kernel has closed it then).
int receive_passed(int channel);

}  // namespace zyphos
