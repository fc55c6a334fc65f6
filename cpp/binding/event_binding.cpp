#include "binding/event_binding.h"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "binding/os_error.h"
#include "probe/syscall_sequence.h"
#include "probe/tcp_states.h"

namespace py = pybind11;

namespace zyphos {
namespace {

constexpr std::uint16_t kIpv4 = 2;  // AF_INET
constexpr std::size_t kIpv4Bytes = 4;

template <typename Probe>
std::variant<std::unique_ptr<Probe>, std::string> load() {
  auto found = Probe::load();
  if (found) return std::move(*found);
  return std::move(found.error());
}

// In network order, as ipaddress.ip_address takes it.
py::bytes address_of(const tcp_address& address, std::uint16_t family) {
  return {reinterpret_cast<const char*>(&address), family == kIpv4 ? kIpv4Bytes : sizeof address};
}

py::list changes_of(TcpStates& states) {
  py::list changes;
  for (const auto& one : states.take())
    changes.append(py::make_tuple(one.time_ns, one.cookie, one.role, one.from, one.to,
                                  address_of(one.local, one.family), one.local_port,
                                  address_of(one.remote, one.family), one.remote_port));
  return changes;
}

py::list calls_of(SyscallSequence& sequence) {
  py::list calls;
  for (const auto& one : sequence.take())
    calls.append(py::make_tuple(one.begin_ns, one.end_ns, one.process, one.thread, one.role,
                                one.number, one.result,
                                py::make_tuple(one.first, one.second, one.third, one.fourth)));
  return calls;
}

void follow(SyscallSequence& sequence, pid_t process, unsigned role) {
  if (role >= kRoles) throw py::value_error("role is 0 (server) or 1 (client)");
  as_os_error([&] { sequence.follow(process, static_cast<Role>(role)); });
}

}  // namespace

void bind_events(py::module_& module) {
  py::class_<TcpStates>(module, "TcpStates", "Changes of state of TCP sockets, told by BPF.")
      .def(
          "watch",
          [](TcpStates& states, std::uint16_t port, const std::vector<std::uint32_t>& namespaces) {
            states.watch(port, namespaces);
          },
          py::arg("port"), py::arg("namespaces"))
      .def("take", &changes_of)
      .def_property_readonly("lost", &TcpStates::lost);
  py::class_<SyscallSequence>(module, "SyscallSequence", "System calls one by one, told by BPF.")
      .def("follow", &follow, py::arg("process"), py::arg("role"))
      .def("forget_all", &SyscallSequence::forget_all)
      .def("take", &calls_of)
      .def_property_readonly("lost", &SyscallSequence::lost);
  module.def("load_tcp_states", &load<TcpStates>);
  module.def("load_syscall_sequence", &load<SyscallSequence>);
}

}  // namespace zyphos
