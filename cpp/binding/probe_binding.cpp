#include "binding/probe_binding.h"

#include <pybind11/stl.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <variant>

#include "probe/hypervisor.h"
#include "probe/perf_event.h"
#include "probe/sock_diag.h"
#include "probe/syscall_names.h"
#include "probe/syscalls.h"

namespace py = pybind11;

namespace zyphos {
namespace {

// What the machine refuses becomes an OSError with its errno, so that Python can tell reasons
// apart.
template <typename Call>
auto as_os_error(Call&& call) {
  try {
    return call();
  } catch (const std::system_error& error) {
    py::object os_error = py::reinterpret_borrow<py::object>(PyExc_OSError);
    PyErr_SetObject(os_error.ptr(), py::make_tuple(error.code().value(), error.what()).ptr());
    throw py::error_already_set();
  }
}

using CounterOrReason = std::variant<std::unique_ptr<SyscallCounter>, std::string>;

CounterOrReason load_syscall_counter() {
  auto loaded = SyscallCounter::load();
  if (loaded) return std::move(*loaded);
  return std::move(loaded.error());
}

std::optional<std::string_view> name_of(unsigned number) {
  const auto name = syscall_name(number);
  return name.empty() ? std::nullopt : std::optional(name);
}

py::object counts_of(const SyscallCounter& counter, unsigned role) {
  if (role >= kRoles) throw py::value_error("role is 0 (server) or 1 (client)");
  const auto counts = counter.counts(static_cast<Role>(role));
  return py::bytes(reinterpret_cast<const char*>(counts.data()), sizeof counts);
}

void bind_syscalls(py::module_& module) {
  py::class_<SyscallCounter>(module, "SyscallCounter",
                             "System calls by role and number, counted by BPF since loading.")
      .def(
          "follow",
          [](SyscallCounter& counter, pid_t process, unsigned role) {
            if (role >= kRoles) throw py::value_error("role is 0 (server) or 1 (client)");
            as_os_error([&] { counter.follow(process, static_cast<Role>(role)); });
          },
          py::arg("process"), py::arg("role"))
      .def("forget_all", &SyscallCounter::forget_all)
      .def("counts", &counts_of, py::arg("role"),
           "bytes of 512 native uint64, indexed by system-call number")
      .def_property_readonly("cost_ns", &SyscallCounter::cost_ns);
  module.def("load_syscall_counter", &load_syscall_counter,
             "SyscallCounter, or the reason (str) why this machine has none.");
  module.def("syscall_name", &name_of, py::arg("number"));
  module.attr("SYSCALL_SLOTS") = kSyscallSlots;
}

void bind_sock_diag(py::module_& module) {
  py::class_<TcpSocket>(module, "TcpSocket", "One TCP socket's figures; None where not reported.")
      .def_readonly("cookie", &TcpSocket::cookie)
      .def_readonly("local_port", &TcpSocket::local_port)
      .def_readonly("remote_port", &TcpSocket::remote_port)
      .def_readonly("ipv6", &TcpSocket::ipv6)
      .def_readonly("congestion", &TcpSocket::congestion)
      .def_readonly("segs_out", &TcpSocket::segs_out)
      .def_readonly("segs_in", &TcpSocket::segs_in)
      .def_readonly("data_segs_out", &TcpSocket::data_segs_out)
      .def_readonly("data_segs_in", &TcpSocket::data_segs_in)
      .def_readonly("bytes_acked", &TcpSocket::bytes_acked)
      .def_readonly("bytes_received", &TcpSocket::bytes_received)
      .def_readonly("bytes_retransmitted", &TcpSocket::bytes_retransmitted)
      .def_readonly("retransmits", &TcpSocket::retransmits)
      .def_readonly("delivered", &TcpSocket::delivered)
      .def_readonly("reordering_seen", &TcpSocket::reordering_seen)
      .def_readonly("rtt_ns", &TcpSocket::rtt_ns)
      .def_readonly("rtt_variance_ns", &TcpSocket::rtt_variance_ns)
      .def_readonly("rtt_min_ns", &TcpSocket::rtt_min_ns)
      .def_readonly("cwnd", &TcpSocket::cwnd)
      .def_readonly("ack_timeout_ns", &TcpSocket::ack_timeout_ns)
      .def_readonly("busy_ns", &TcpSocket::busy_ns)
      .def_readonly("window_limited_ns", &TcpSocket::window_limited_ns)
      .def_readonly("sndbuf_limited_ns", &TcpSocket::sndbuf_limited_ns);
  py::class_<SockDiag>(module, "SockDiag", "Dumps TCP sockets of this network namespace.")
      .def(py::init([] { return as_os_error([] { return std::make_unique<SockDiag>(); }); }))
      .def(
          "dump",
          [](SockDiag& diag, std::uint16_t port) {
            return as_os_error([&] { return diag.dump(port); });
          },
          py::arg("port"));
}

// {name: (value, enabled_ns, running_ns)} of the events that count.
py::dict read_all(const PerfCounters& counters) {
  py::dict readings;
  for (const auto& event : counters.events()) {
    if (!event.reason.empty()) continue;
    const auto reading = as_os_error([&] { return counters.read(event); });
    readings[py::cast(event.name)] =
        py::make_tuple(reading.value, reading.enabled_ns, reading.running_ns);
  }
  return readings;
}

py::dict reasons_of(const PerfCounters& counters) {
  py::dict reasons;
  for (const auto& event : counters.events())
    if (!event.reason.empty()) reasons[py::cast(event.name)] = py::cast(event.reason);
  return reasons;
}

void bind_perf(py::module_& module) {
  py::class_<PerfCounters>(module, "PerfCounters", "perf events of whole processes, inherited.")
      .def(py::init([](const std::vector<pid_t>& processes) {
             return std::make_unique<PerfCounters>(processes);
           }),
           py::arg("processes"))
      .def("read", &read_all)
      .def_property_readonly("reasons", &reasons_of);
}

}  // namespace

void bind_probes(py::module_& module) {
  bind_syscalls(module);
  bind_sock_diag(module);
  bind_perf(module);
  module.def("hypervisor_signature", &hypervisor_signature);
}

}  // namespace zyphos
