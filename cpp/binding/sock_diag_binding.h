// Python faces of cpp/probe/sock_diag.h and socket_sampler.h.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

// Adds to `module`: SockDiag, TcpSocket, SocketQueues, SocketSampler. What the machine refuses is
// an OSError.
void bind_sock_diag(pybind11::module_& module);

}  // namespace zyphos
