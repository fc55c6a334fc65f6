#include "tool/prefork_words.h"

#include "tool/named_words.h"

namespace zyphos {
namespace {

const Names<WorkerAccept> kAccept{{"reuse_port", WorkerAccept::reuse_port},
                                  {"inherited", WorkerAccept::inherited},
                                  {"passed", WorkerAccept::passed}};
const Names<Steer> kSteer{{"hash", Steer::hash}, {"cpu", Steer::cpu}, {"random", Steer::random}};

}  // namespace

void add_prefork(Words& words, PreforkOptions& options) {
  words.number("workers", "engine prefork: processes", options.workers, 1U);
  words.number("workers_max", "prefork: up to so many while they are busy; 0: always the same",
               options.workers_max, 0U);
  choose(words, "accept",
         "prefork: reuse_port (a listener each), inherited (one for all), passed (by the parent)",
         kAccept, options.accept);
  choose(words, "steer", "prefork, reuse_port: the kernel chooses by hash, cpu, random", kSteer,
         options.steer);
  words.number("recycle_requests", "prefork: a worker is replaced after so many; 0: never",
               options.recycle_requests, std::uint64_t{0});
}

}  // namespace zyphos
