// Python face of the HTTP/1.1 head parser, for notebooks.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

void bind_http1(pybind11::module_& module);

}  // namespace zyphos
