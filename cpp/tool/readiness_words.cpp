#include "tool/readiness_words.h"

#include <algorithm>
#include <utility>

namespace zyphos {
namespace {

template <class T>
using Names = std::vector<std::pair<std::string_view, T>>;

const Names<Trigger> kTriggers{
    {"level", Trigger::level}, {"edge", Trigger::edge}, {"oneshot", Trigger::oneshot}};
const Names<Accepting> kAccepting{{"reuse_port", Accepting::reuse_port},
                                  {"shared", Accepting::shared},
                                  {"acceptor", Accepting::acceptor}};
const Names<HandOut> kHandOut{{"round_robin", HandOut::round_robin},
                              {"least_connections", HandOut::least_connections}};

// `Out` takes a T.
template <class T, class Out>
void choose(Words& words, std::string key, std::string help, const Names<T>& names, Out& out) {
  words.add(std::move(key), std::move(help), [&names, &out](std::string_view value) {
    const auto found = std::ranges::find(names, value, &std::pair<std::string_view, T>::first);
    if (found != names.end()) {
      out = found->second;
      return Words::Result{};
    }
    std::string message = "must be one of";
    for (const auto& [name, meaning] : names) message += " " + std::string(name);
    return Words::Result{std::unexpected(message)};
  });
}

}  // namespace

void add_readiness(Words& words, ReadinessOptions& options) {
  choose(words, "trigger", "epoll: told by level, edge, oneshot", kTriggers, options.trigger);
  words.flag("exclusive", "epoll: EPOLLEXCLUSIVE at the listener", options.exclusive);
  choose(words, "accepting", "epoll, poll, select: reuse_port (a listener each), shared, acceptor",
         kAccepting, options.accepting);
  choose(words, "hand_out", "acceptor: round_robin, least_connections", kHandOut, options.hand_out);
}

}  // namespace zyphos
