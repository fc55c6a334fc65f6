// What this module was built from: version, compiler, flags, build id, optional parts.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

void bind_build(pybind11::module_& module);

}  // namespace zyphos
