#include "binding/probe_binding.h"

#include <pybind11/stl.h>

#include <span>
#include <variant>

#include "binding/os_error.h"
#include "binding/role_counter_binding.h"
#include "binding/sock_diag_binding.h"
#include "probe/bpf_stats.h"
#include "probe/hypervisor.h"
#include "probe/perf_event.h"
#include "probe/syscall_latency.h"
#include "probe/syscall_names.h"
#include "probe/syscalls.h"

namespace py = pybind11;

namespace zyphos {
namespace {

// The probe, or the reason why this machine has none.
template <typename Probe>
std::variant<std::unique_ptr<Probe>, std::string> loaded_or_reason() {
  auto loaded = Probe::load();
  if (loaded) return std::move(*loaded);
  return std::move(loaded.error());
}

Role role_of(unsigned role) {
  if (role >= kRoles) throw py::value_error("role is 0 (server) or 1 (client)");
  return static_cast<Role>(role);
}

// What every BPF probe has.
template <typename Probe>
py::class_<Probe> bind_bpf_probe(py::module_& module, const char* name, const char* text) {
  return py::class_<Probe>(module, name, text)
      .def(
          "follow",
          [](Probe& probe, pid_t process, unsigned role) {
            as_os_error([&] { probe.follow(process, role_of(role)); });
          },
          py::arg("process"), py::arg("role"))
      .def("forget_all", &Probe::forget_all)
      .def_property_readonly("cost_ns", &Probe::cost_ns);
}

std::optional<std::string_view> name_of(unsigned number) {
  const auto name = syscall_name(number);
  return name.empty() ? std::nullopt : std::optional(name);
}

py::bytes as_bytes(std::span<const std::uint64_t> numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()};
}

py::dict read_latencies(const SyscallLatency& latency, unsigned role) {
  py::dict readings;
  for (const auto& [number, slots] : latency.read(role_of(role)))
    readings[py::int_(number)] = as_bytes(slots);
  return readings;
}

std::variant<std::unique_ptr<BpfStats>, std::string> enable_bpf_stats() {
  auto enabled = BpfStats::enable();
  if (enabled) return std::move(*enabled);
  return std::move(enabled.error());
}

py::list read_bpf_stats(const BpfStats& stats) {
  py::list programs;
  for (const auto& one : stats.read())
    programs.append(py::make_tuple(one.id, one.name, one.runs, one.run_ns, one.missed));
  return programs;
}

void bind_bpf_stats(py::module_& module) {
  py::class_<BpfStats>(module, "BpfStats", "Run times of this process's own BPF programs.")
      .def("read", &read_bpf_stats, "[(id, name, runs, run_ns, missed)], by id");
  module.def("enable_bpf_stats", &enable_bpf_stats,
             "BpfStats, or the reason (str) why the kernel takes no times.");
}

void bind_syscall_latency(py::module_& module) {
  bind_bpf_probe<SyscallLatency>(module, "SyscallLatency",
                                 "Times of system calls by role and number, kept by BPF.")
      .def("read", &read_latencies, py::arg("role"),
           "{number: bytes of native uint64: the sum in ns, then the buckets}")
      .def(
          "lost",
          [](const SyscallLatency& latency, unsigned role) { return latency.lost(role_of(role)); },
          py::arg("role"))
      .def_static(
          "histogram",
          [](const std::vector<std::uint64_t>& slots) { return SyscallLatency::histogram(slots); },
          py::arg("slots"), "A reading, or a difference of two, as a Histogram.");
  module.def("load_syscall_latency", &loaded_or_reason<SyscallLatency>,
             "SyscallLatency, or the reason (str) why this machine has none.");
}

void bind_syscalls(py::module_& module) {
  bind_bpf_probe<SyscallCounter>(module, "SyscallCounter",
                                 "System calls by role and number, counted by BPF since loading.")
      .def(
          "counts",
          [](const SyscallCounter& counter, unsigned role) {
            return as_bytes(counter.counts(role_of(role)));
          },
          py::arg("role"), "bytes of 512 native uint64, indexed by system-call number");
  module.def("load_syscall_counter", &loaded_or_reason<SyscallCounter>,
             "SyscallCounter, or the reason (str) why this machine has none.");
  module.def("syscall_name", &name_of, py::arg("number"));
  module.attr("SYSCALL_SLOTS") = kSyscallSlots;
}

// {name: (value, enabled_ns, running_ns)} of the events that count, thread by thread.
py::list read_all(const PerfCounters& counters) {
  py::list found;
  for (std::size_t thread = 0; thread < counters.threads().size(); ++thread) {
    py::dict readings;
    for (const auto& event : counters.events()) {
      if (!event.reason.empty()) continue;
      if (const auto one = as_os_error([&] { return counters.read(event, thread); }))
        readings[py::cast(event.name)] =
            py::make_tuple(one->value, one->enabled_ns, one->running_ns);
    }
    found.append(readings);
  }
  return found;
}

py::list threads_of(const PerfCounters& counters) {
  py::list threads;
  for (const auto& one : counters.threads())
    threads.append(py::make_tuple(one.process, one.thread, one.name));
  return threads;
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
      .def_property_readonly("threads", &threads_of, "[(process, thread, name)]")
      .def_property_readonly("reasons", &reasons_of);
}

}  // namespace

void bind_probes(py::module_& module) {
  bind_syscalls(module);
  bind_syscall_latency(module);
  bind_bpf_stats(module);
  bind_sock_diag(module);
  bind_perf(module);
  bind_role_counters(module);
  module.def("hypervisor_signature", &hypervisor_signature);
}

}  // namespace zyphos
