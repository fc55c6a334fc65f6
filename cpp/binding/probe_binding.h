// Python faces of cpp/probe. Compiles with and without libbpf; what is missing returns its reason.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

// Adds to `module`: load_syscall_counter() -> SyscallCounter | str (the reason), SYSCALL_SLOTS,
// syscall_name(number) -> str | None, SockDiag, TcpSocket, PerfCounters, hypervisor_signature().
void bind_probes(pybind11::module_& module);

}  // namespace zyphos
