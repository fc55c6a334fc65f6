// zyphos_lab._core: what Python sees of the native core. Each file x_binding.cpp binds one subject.
#include <pybind11/pybind11.h>

#include "binding/board_binding.h"
#include "binding/build_binding.h"
#include "binding/event_binding.h"
#include "binding/histogram_binding.h"
#include "binding/http1_binding.h"
#include "binding/probe_binding.h"
#include "binding/run_binding.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Native core of zyphos_lab: histograms, boards, probes, servers and the load.";
  zyphos::bind_build(module);
  zyphos::bind_board(module);
  zyphos::bind_histogram(module);
  zyphos::bind_probes(module);
  zyphos::bind_events(module);
  zyphos::bind_http1(module);
  zyphos::bind_run(module);
}
