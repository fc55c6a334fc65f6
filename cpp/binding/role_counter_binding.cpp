#include "binding/role_counter_binding.h"

#include <pybind11/stl.h>

#include <cstring>
#include <string>
#include <variant>

#include "binding/os_error.h"
#include "probe/memory.h"
#include "probe/role_counter.h"
#include "probe/tcp_events.h"

namespace py = pybind11;

namespace zyphos {
namespace {

using Loaded = std::variant<std::unique_ptr<RoleCounter>, std::string>;

Loaded loaded(CounterOrReason found) {
  if (found) return std::move(*found);
  return std::move(found.error());
}

template <typename Probe>
std::variant<std::unique_ptr<Probe>, std::string> load() {
  auto found = Probe::load();
  if (found) return std::move(*found);
  return std::move(found.error());
}

// [(time_ns, cookie, role, cwnd, ssthresh, srtt_ns, snd_wnd, packets_out, retransmits,
// bytes_acked)]
py::list samples_of(TcpEvents& events) {
  py::list samples;
  for (const auto& one : events.take_samples())
    samples.append(py::make_tuple(one.time_ns, one.cookie, one.role, one.cwnd, one.ssthresh,
                                  std::uint64_t{one.srtt_us8} * 125, one.snd_wnd, one.packets_out,
                                  one.retransmits, one.bytes_acked));
  return samples;
}

Role role_of(unsigned role) {
  if (role >= kRoles) throw py::value_error("role is 0 (server) or 1 (client)");
  return static_cast<Role>(role);
}

// {name: (first, slots)}
py::dict layout_of(const RoleCounter& counter) {
  py::dict layout;
  for (const auto& range : counter.layout())
    layout[py::cast(range.name)] = py::make_tuple(range.first, range.slots);
  return layout;
}

py::bytes counts_of(const RoleCounter& counter, unsigned role) {
  const auto counts = counter.counts(role_of(role));
  return {reinterpret_cast<const char*>(counts.data()), counts.size() * sizeof counts[0]};
}

Histogram histogram_of(const py::bytes& bytes) {
  const std::string_view text = bytes;
  std::vector<std::uint64_t> slots(text.size() / sizeof(std::uint64_t));
  std::memcpy(slots.data(), text.data(), slots.size() * sizeof slots[0]);
  return histogram_of_slots(slots);
}

}  // namespace

void bind_role_counters(py::module_& module) {
  py::class_<RoleCounter>(module, "RoleCounter", "Numbers kept by BPF for each role.")
      .def(
          "follow",
          [](RoleCounter& counter, pid_t process, unsigned role) {
            as_os_error([&] { counter.follow(process, role_of(role)); });
          },
          py::arg("process"), py::arg("role"))
      .def("forget_all", &RoleCounter::forget_all)
      .def("set_epoch", &RoleCounter::set_epoch, py::arg("time_ns"))
      .def("counts", &counts_of, py::arg("role"), "bytes of native uint64")
      .def_property_readonly("layout", &layout_of, "{name: (first, slots)}");
  py::class_<TcpEvents>(module, "TcpEvents", "TCP events on one port, counted by BPF.")
      .def(
          "watch",
          [](TcpEvents& events, std::uint16_t port, const std::vector<std::uint32_t>& namespaces,
             std::int64_t interval_ns) { events.watch(port, namespaces, interval_ns); },
          py::arg("port"), py::arg("namespaces"), py::arg("sample_interval_ns"))
      .def_property_readonly("counter", &TcpEvents::counter,
                             py::return_value_policy::reference_internal)
      .def("take_samples", &samples_of);
  py::class_<Allocations>(module, "Allocations", "Calls of malloc and the like, counted by BPF.")
      .def(
          "watch",
          [](Allocations& allocations, pid_t process, const std::string& file) {
            as_os_error([&] { allocations.watch(process, file); });
          },
          py::arg("process"), py::arg("file"))
      .def("unwatch", &Allocations::unwatch, py::arg("process"))
      .def_property_readonly("counter", &Allocations::counter,
                             py::return_value_policy::reference_internal);
  module.def("load_tcp_events", &load<TcpEvents>);
  module.def("load_allocations", &load<Allocations>);
  module.def("kernel_enum", &kernel_enum, py::arg("name"));
  module.def("load_sched_counter", [] { return loaded(load_sched_counter()); });
  module.def("load_futex_counter", [] { return loaded(load_futex_counter()); });
  module.def("load_uring_counter", [] { return loaded(load_uring_counter()); });
  module.def("histogram_of_slots", &histogram_of, py::arg("slots"));
}

}  // namespace zyphos
