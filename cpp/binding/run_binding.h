// Python face of the programs: serve() and load() in this process, for notebooks and tests.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

void bind_run(pybind11::module_& module);

}  // namespace zyphos
