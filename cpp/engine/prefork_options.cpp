#include "engine/prefork_options.h"

#include "engine/engine.h"

namespace zyphos {

std::string prefork_contradiction(const EngineOptions& options) {
  const PreforkOptions& prefork = options.prefork;
  if (prefork.workers == 0 || prefork.workers > kWorkersMax) {
    return "engine prefork has 1 to " + std::to_string(kWorkersMax) + " workers, not " +
           std::to_string(prefork.workers);
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
