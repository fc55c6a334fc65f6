#include "engine/readiness_options.h"

namespace zyphos {

std::string readiness_missing(std::string_view engine, const ReadinessOptions& options) {
  const std::string name(engine);
  if (engine == "epoll") return {};
  if (engine == "prefork") {
    if (options.accepting == Accepting::reuse_port) return {};
    return "the workers of engine prefork have one loop each: how they come by connections is "
           "`accept`";
  }
  if (options.exclusive) return "engine " + name + " has no EPOLLEXCLUSIVE: that is epoll's";
  if (engine == "poll" || engine == "select") {
    if (options.trigger.value_or(Trigger::level) == Trigger::level) return {};
    return "engine " + name + " is always told by level: edge and oneshot are epoll's";
  }
  ReadinessOptions usual;
  if (engine == "coroutine") usual.receives_per_turn = options.receives_per_turn;
  if (options == usual) return {};
  return "engine " + name + " waits for no readiness: trigger and accepting are for epoll, poll " +
         "and select";
}

}  // namespace zyphos
