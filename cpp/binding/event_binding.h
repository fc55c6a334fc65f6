// Python faces of what BPF tells one by one (cpp/probe/loaded_events.h). Compiles with and without
// libbpf; what is missing returns its reason.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

// Adds to `module`: TcpStates, load_tcp_states() -> TcpStates | str (the reason), SyscallSequence,
// load_syscall_sequence() likewise.
void bind_events(pybind11::module_& module);

}  // namespace zyphos
