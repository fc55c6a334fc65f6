// Python face of metrics/board: sizes, names and snapshots of a mapped board.
#pragma once

#include <pybind11/pybind11.h>

namespace zyphos {

void bind_board(pybind11::module_& module);

}  // namespace zyphos
