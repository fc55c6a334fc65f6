#include "binding/board_binding.h"

#include <pybind11/stl.h>

#include <string>
#include <utility>
#include <vector>

#include "link/board.h"
#include "metrics/board.h"

namespace py = pybind11;

namespace zyphos {
namespace {

const void* memory_of(const py::buffer_info& info, std::size_t bytes) {
  if (static_cast<std::size_t>(info.size * info.itemsize) < bytes) {
    throw py::value_error("a board has " + std::to_string(bytes) + " bytes");
  }
  return info.ptr;
}

template <class Slot>
py::dict by_name(const typename BasicBoard<Slot>::Snapshot& snapshot) {
  py::dict out;
  for (std::size_t i = 0; i < Slot::kCount; ++i) out[py::cast(Slot::name(i))] = snapshot.values[i];
  return out;
}

py::dict board_snapshot(const py::buffer& buffer) {
  const py::buffer_info info = buffer.request();
  return by_name<Counters>(Board::snapshot(memory_of(info, Board::bytes())));
}

py::tuple link_board_snapshot(const py::buffer& buffer) {
  using link::LinkBoard;
  const py::buffer_info info = buffer.request();
  LinkBoard::Snapshot snapshot = LinkBoard::snapshot(memory_of(info, LinkBoard::bytes()));
  py::dict late_ns;
  late_ns["forward"] = std::move(snapshot.forward_late_ns);
  late_ns["backward"] = std::move(snapshot.backward_late_ns);
  late_ns["forward_handed"] = std::move(snapshot.forward_handed_late_ns);
  late_ns["backward_handed"] = std::move(snapshot.backward_handed_late_ns);
  return py::make_tuple(by_name<link::LinkCounters>(snapshot.counters), late_ns);
}

std::vector<std::string_view> counter_names() {
  std::vector<std::string_view> names;
  names.reserve(Counters::kCount);
  for (std::size_t i = 0; i < Counters::kCount; ++i) names.push_back(Counters::name(i));
  return names;
}

}  // namespace

void bind_board(py::module_& module) {
  module.def("board_bytes", &Board::bytes, "Bytes that a shared board (memfd) needs.");
  module.def("board_snapshot", &board_snapshot, py::arg("buffer"),
             "Counters of a mapped board, summed over its slots and what they retired.\n\n"
             "ValueError when the buffer is too short or not a board of this build.");
  module.def("link_board_bytes", &link::LinkBoard::bytes,
             "Bytes that the board of zyphos-link (memfd) needs.");
  module.def(
      "link_board_snapshot", &link_board_snapshot, py::arg("buffer"),
      "(counters by name, histograms by name, in ns) of a mapped board of zyphos-link: totals\n"
      "since its start. 'forward' and 'backward' hold how late packets were written, with\n"
      "'_handed' how late that write began.\n\n"
      "ValueError when the buffer is too short or not a board of this build.");
  module.def("counter_names", &counter_names, "Names of a board's counters, in order.");
}

}  // namespace zyphos
