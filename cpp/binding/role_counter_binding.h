// Python face of cpp/probe/role_counter.h. Compiles with and without libbpf.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

// Adds to `module`: RoleCounter, load_sched_counter() -> RoleCounter | str (the reason), and those
// of the other probes, TcpEvents and Allocations likewise, kernel_enum(name) -> {value: name},
// histogram_of_slots(bytes) -> Histogram.
void bind_role_counters(pybind11::module_& module);

}  // namespace zyphos
