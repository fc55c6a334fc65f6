#include "binding/board_binding.h"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "metrics/board.h"

namespace py = pybind11;

namespace zyphos {
namespace {

py::dict board_snapshot(const py::buffer& buffer) {
  const py::buffer_info info = buffer.request();
  if (static_cast<std::size_t>(info.size * info.itemsize) < Board::bytes()) {
    throw py::value_error("a board has " + std::to_string(Board::bytes()) + " bytes");
  }
  const BoardSnapshot snapshot = Board::snapshot(info.ptr);
  py::dict out;
  for (std::size_t i = 0; i < kBoardCounterCount; ++i) {
    out[py::cast(counter_name(i))] = snapshot.values[i];
  }
  return out;
}

std::vector<std::string_view> counter_names() {
  std::vector<std::string_view> names;
  names.reserve(kBoardCounterCount);
  for (std::size_t i = 0; i < kBoardCounterCount; ++i) names.push_back(counter_name(i));
  return names;
}

}  // namespace

void bind_board(py::module_& module) {
  module.def("board_bytes", &Board::bytes, "Bytes that a shared board (memfd) needs.");
  module.def("board_snapshot", &board_snapshot, py::arg("buffer"),
             "Counters of a mapped board, summed over its slots and what they retired.\n\n"
             "ValueError when the buffer is too short or not a board of this build.");
  module.def("counter_names", &counter_names, "Names of a board's counters, in order.");
}

}  // namespace zyphos
