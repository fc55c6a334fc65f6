#include "engine/prefork_options.h"

#include "engine/engine.h"

namespace zyphos {

std::string prefork_contradiction(const EngineOptions& options) {
  const PreforkOptions& prefork = options.prefork;
  if (prefork.workers == 0 || places_of(prefork) > kWorkersMax) {
    return "engine prefork has 1 to " + std::to_string(kWorkersMax) + " workers, not " +
           std::to_string(prefork.workers == 0 ? 0 : places_of(prefork));
  }
  if (prefork.workers_max > prefork.workers && prefork.accept == WorkerAccept::reuse_port) {
    return "workers_max is for accept inherited or passed: the kernel would go on choosing the "
           "listener of a worker that has gone";
  }
  if (prefork.steer != Steer::hash && prefork.accept != WorkerAccept::reuse_port) {
    return "steer chooses between listeners, of which there are several only with reuse_port";
  }
  if (options.readiness.exclusive && prefork.accept != WorkerAccept::inherited) {
    return "exclusive is for a listener at which several workers wait: accept inherited";
  }
  return {};
}

}  // namespace zyphos
