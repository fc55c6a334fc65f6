#include "binding/histogram_binding.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/histogram.h"

namespace py = pybind11;

namespace zyphos {
namespace {

// An empty histogram has no such value: None, never 0.
template <typename T>
std::optional<T> unless_empty(const Histogram& histogram, T value) {
  return histogram.count() == 0 ? std::nullopt : std::optional<T>(value);
}

Histogram decode(const py::bytes& encoded) {
  const auto bytes = static_cast<std::string_view>(encoded);
  auto decoded = Histogram::decode(as_bytes(bytes));
  if (!decoded) throw py::value_error("not a histogram: " + decoded.error());
  return *std::move(decoded);
}

void record_array(Histogram& histogram, const py::array_t<std::int64_t>& values) {
  const auto view = values.unchecked<1>();
  for (py::ssize_t i = 0; i < view.shape(0); ++i) histogram.record(view(i));
}

py::tuple to_arrays(const Histogram& histogram) {
  std::vector<std::int64_t> lowest;
  std::vector<std::int64_t> highest;
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (histogram.count_at(i) == 0) continue;
    lowest.push_back(Histogram::lowest_at(i));
    highest.push_back(Histogram::highest_at(i));
    counts.push_back(histogram.count_at(i));
  }
  const auto array = [](const auto& values) {
    using Value = typename std::decay_t<decltype(values)>::value_type;
    return py::array_t<Value>(static_cast<py::ssize_t>(values.size()), values.data());
  };
  return py::make_tuple(array(lowest), array(highest), array(counts));
}

std::string repr(const Histogram& histogram) {
  if (histogram.count() == 0) return "<Histogram count=0>";
  return "<Histogram count=" + std::to_string(histogram.count()) +
         " p50=" + std::to_string(histogram.quantile_ns(0.5)) +
         "ns max=" + std::to_string(histogram.max_ns()) + "ns>";
}

template <typename Class>
void bind_values(Class& type) {
  type.def_property_readonly("count", &Histogram::count)
      .def_property_readonly("saturated", &Histogram::saturated, "Observations beyond 3600 s.")
      .def_property_readonly(
          "mean", [](const Histogram& h) { return unless_empty(h, h.mean_ns()); },
          "Nanoseconds, from the buckets' middles; None when empty.")
      .def_property_readonly(
          "min", [](const Histogram& h) { return unless_empty(h, h.min_ns()); },
          "Nanoseconds; exact unless decoded; None when empty.")
      .def_property_readonly(
          "max", [](const Histogram& h) { return unless_empty(h, h.max_ns()); },
          "Nanoseconds; exact unless decoded; None when empty.")
      .def(
          "quantile",
          [](const Histogram& h, double q) { return unless_empty(h, h.quantile_ns(q)); },
          py::arg("q"),
          "Nanoseconds: the highest equivalent of the bucket where a share q of the observations "
          "is reached; None when empty.");
}

}  // namespace

void bind_histogram(py::module_& module) {
  py::class_<Histogram> type(module, "Histogram",
                             "HDR histogram of nanoseconds: 1 ns to 3600 s, 3 significant digits.");
  type.def(py::init<>())
      .def("record", &Histogram::record, py::arg("value_ns"), py::arg("n") = 1)
      .def("record_array", &record_array, py::arg("values_ns"))
      .def("add", &Histogram::add, py::arg("other"), "Merges another histogram into this one.")
      .def("since", &Histogram::since, py::arg("earlier"),
           "What came after `earlier`, a snapshot of the same histogram.")
      .def("reset", &Histogram::reset)
      .def(
          "encode", [](const Histogram& h) { return py::bytes(h.encode()); },
          "HdrHistogram V2, zlib-compressed; not base64.")
      .def_static("decode", &decode, py::arg("encoded"),
                  "From HdrHistogram V2 compressed bytes; ValueError says what is wrong.")
      .def("to_arrays", &to_arrays,
           "(lowest_ns, highest_ns, count) of the buckets that hold something.")
      .def("copy", [](const Histogram& h) { return std::make_unique<Histogram>(h); })
      .def("__repr__", &repr);
  bind_values(type);
}

}  // namespace zyphos
