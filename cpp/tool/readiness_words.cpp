#include "tool/readiness_words.h"

#include "tool/named_words.h"

namespace zyphos {
namespace {

const Names<Trigger> kTriggers{
    {"level", Trigger::level}, {"edge", Trigger::edge}, {"oneshot", Trigger::oneshot}};
const Names<Accepting> kAccepting{{"reuse_port", Accepting::reuse_port},
                                  {"shared", Accepting::shared},
                                  {"acceptor", Accepting::acceptor}};
const Names<HandOut> kHandOut{{"round_robin", HandOut::round_robin},
                              {"least_connections", HandOut::least_connections}};

}  // namespace

void add_readiness(Words& words, ReadinessOptions& options) {
  choose(words, "trigger", "epoll: told by level, edge, oneshot", kTriggers, options.trigger);
  words.flag("exclusive", "epoll: EPOLLEXCLUSIVE at the listener", options.exclusive);
  choose(words, "accepting", "epoll, poll, select: reuse_port (a listener each), shared, acceptor",
         kAccepting, options.accepting);
  choose(words, "hand_out", "acceptor: round_robin, least_connections", kHandOut, options.hand_out);
  words.number("receives_per_turn", "select, poll, epoll, coroutine, prefork; 0: without turns",
               options.receives_per_turn, 0U);
}

}  // namespace zyphos
