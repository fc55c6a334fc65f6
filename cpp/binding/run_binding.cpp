#include "binding/run_binding.h"

#include <poll.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/uring_features.h"
#include "load/fit.h"
#include "load/generator.h"
#include "scan/kernel.h"
#include "tool/load_words.h"
#include "tool/mapped_board.h"
#include "tool/server.h"

namespace py = pybind11;

namespace zyphos {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr int kSignalCheck_ms = 50;

std::string value_text(const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>() ? "true" : "false";
  if (py::isinstance<py::bytes>(value)) return value.cast<std::string>();
  if (!py::isinstance<py::list>(value) && !py::isinstance<py::tuple>(value)) {
    return py::str(value).cast<std::string>();
  }
  std::string out;
  for (const py::handle item : value) {
    out += (out.empty() ? "" : ",") + value_text(item);
  }
  return out;
}

// {"socket": {"tcp_nodelay": True}} and {"socket.tcp_nodelay": True} are the same word; None is not
// given.
void flatten(const py::dict& options, const std::string& prefix, Pairs& out) {
  for (const auto& [key, value] : options) {
    const std::string name = prefix + py::str(key).cast<std::string>();
    if (value.is_none()) continue;
    if (py::isinstance<py::dict>(value)) {
      flatten(py::reinterpret_borrow<py::dict>(value), name + ".", out);
    } else {
      out.emplace_back(name, value_text(value));
    }
  }
}

void apply(const Words& words, const py::kwargs& options) {
  Pairs pairs;
  flatten(options, "", pairs);
  for (const auto& [key, value] : pairs) {
    if (const auto applied = words.apply(key, value); !applied) {
      throw py::value_error(applied.error());
    }
  }
}

std::unique_ptr<Server> serve(const py::kwargs& options) {
  ServeSetting setting;
  apply(serve_words(setting), options);
  const py::gil_scoped_release released;
  return std::make_unique<Server>(setting);
}

// Until the generator has ended; Ctrl-C ends it and becomes KeyboardInterrupt.
void wait_for(Generator& generator) {
  pollfd done{generator.done_fd(), POLLIN, 0};
  for (;;) {
    {
      const py::gil_scoped_release released;
      if (poll(&done, 1, kSignalCheck_ms) > 0) return;
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

py::object load(const py::kwargs& options) {
  LoadSetting setting;
  apply(load_words(setting), options);
  if (const std::string wrong = complaint(setting.load); !wrong.empty()) {
    throw py::value_error(wrong);
  }
  MappedBoard board(setting.board_fd);
  Generator generator(setting.load, board.board());
  {
    const py::gil_scoped_release released;
    generator.connect();
    generator.start();
  }
  wait_for(generator);
  const std::string line = to_json(generator.finish());
  return py::module_::import("json").attr("loads")(line);
}

// What one process of a load has seen of its arrivals says nothing by itself: all of them do.
py::tuple arrivals_fit(const std::vector<std::string>& given, std::int64_t measured_ns,
                       const std::vector<std::vector<std::uint64_t>>& seen) {
  LoadSetting setting;
  const Words words = load_words(setting);
  for (const std::string& word : given) {
    if (const auto applied = words.apply(word); !applied) throw py::value_error(applied.error());
  }
  LoadOptions& load = setting.load;
  load.processes = static_cast<unsigned>(seen.size());
  if (const std::string wrong = complaint(load); !wrong.empty()) throw py::value_error(wrong);
  Fit fit(load.arrival, threads_of_load(load));
  fit.window({Time{0}, Time{load.window_ns}});
  for (const std::vector<std::uint64_t>& one : seen) {
    if (!fit.add(one)) throw py::value_error("not what a load says of its arrivals");
  }
  const Time end{std::min(measured_ns, load.window_ns)};
  return py::make_tuple(fit.distance(end), fit.resolved(end), fit.observed());
}

py::dict read_trace_file(const std::string& path) {
  const auto trace = read_trace(path);
  if (!trace) throw py::value_error(trace.error());
  py::dict out;
  out["arrivals"] = trace->offsets_ns.size();
  out["last_ns"] = trace->offsets_ns.back();
  out["natural_period_ns"] = trace->natural_period_ns();
  return out;
}

py::dict scan_kernels() {
  py::dict out;
  for (const scan::Kernel& kernel : scan::kernels()) {
    const std::string lack = kernel.lack();
    out[py::cast(kernel.name)] =
        lack.empty() ? py::object(py::bool_(true)) : py::object(py::cast(lack));
  }
  return out;
}

py::dict engines() {
  py::dict out;
  for (const EngineAbility& ability : engine_abilities()) {
    out[py::cast(ability.name)] = ability.missing.empty() ? py::object(py::bool_(true))
                                                          : py::object(py::cast(ability.missing));
  }
  return out;
}

py::dict features() {
  py::dict out;
  for (const UringFeature& feature : uring_features()) {
    out[py::cast(feature.name)] = feature.missing.empty() ? py::object(py::bool_(true))
                                                          : py::object(py::cast(feature.missing));
  }
  return out;
}

py::dict snapshot(Server& server) {
  const BoardSnapshot snapshot = server.snapshot();
  py::dict out;
  for (std::size_t i = 0; i < Counters::kCount; ++i) {
    out[py::cast(Counters::name(i))] = snapshot.values[i];
  }
  return out;
}

void translate(std::exception_ptr raised) {
  try {
    if (raised) std::rethrow_exception(raised);
  } catch (const CannotConnect& error) {
    PyErr_SetString(PyExc_ConnectionError, error.what());
  } catch (const std::system_error& error) {
    const py::tuple arguments = py::make_tuple(error.code().value(), error.what());
    PyErr_SetObject(PyExc_OSError, arguments.ptr());
  }
}

}  // namespace

void bind_run(py::module_& module) {
  py::register_local_exception_translator(&translate);
  py::class_<Server>(module, "Server", "A running server; see serve().")
      .def_property_readonly("address", [](const Server& s) { return s.address().text(); })
      .def_property_readonly("port", [](const Server& s) { return s.address().port; })
      .def("snapshot", &snapshot, "Its counters now, by name.")
      .def("stop", &Server::stop, py::call_guard<py::gil_scoped_release>(),
           "Drains and ends it; safe to repeat.")
      .def(
          "__enter__", [](Server& server) -> Server& { return server; },
          py::return_value_policy::reference_internal)
      .def("__exit__", [](Server& server, const py::args&) {
        const py::gil_scoped_release released;
        server.stop();
      });
  module.def("engines", &engines, "Each engine: True, or the reason why it cannot run here.");
  module.def("scan_kernels", &scan_kernels,
             "Each kernel of parser simd, the plainest first: True, or why it cannot run here.");
  module.def("uring_features", &features,
             "Each switch of engine uring that needs something of the kernel: True, or the reason "
             "why it cannot be used here. Tries them: some 10 ms.");
  module.def("serve", &serve,
             "Starts a server in this process: the options of zyphos-serve as keywords, dotted "
             "names as nested dicts.\n\nValueError: unknown or wrong option. OSError: it cannot "
             "listen. RuntimeError: this machine cannot run the engine.");
  module.def("read_trace", &read_trace_file, py::arg("path"),
             "A file of arrivals for the law `trace`: {arrivals, last_ns, natural_period_ns}, the "
             "last 0 where it has none.\n\nValueError: `PATH:LINE: what is wrong`. O(size).");
  module.def(
      "arrivals_fit", &arrivals_fit, py::arg("words"), py::arg("measured_ns"), py::arg("seen"),
      "Of the processes that share a load: its `words`, how much of the window was measured, "
      "and `arrivals_seen` of each result. (arrivals_ks, arrivals_ks_resolved, "
      "arrivals_observed) of the whole; the first two None where nothing was seen.\n\n"
      "ValueError: wrong words, or nothing that a load says.");
  module.def("load", &load,
             "Runs the load generator in this process and returns its result: the options of "
             "zyphos-load as keywords, dotted names as nested dicts.\n\nValueError: unknown or "
             "wrong option. ConnectionError: it cannot connect.");
}

}  // namespace zyphos
