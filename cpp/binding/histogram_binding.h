// Python face of metrics/histogram.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

void bind_histogram(pybind11::module_& module);

}  // namespace zyphos
