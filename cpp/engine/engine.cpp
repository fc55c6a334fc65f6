#include "engine/engine.h"

#include <array>
#include <stdexcept>
#include <utility>

#include "engine/coroutine_loop.h"
#include "engine/loop_engine.h"
#include "engine/pool_engine.h"
#include "engine/prefork_engine.h"
#include "engine/process_fd.h"
#include "engine/readiness_loop.h"
#include "engine/sequential_engine.h"
#include "engine/thread_engine.h"
#include "engine/uring_features.h"
#include "engine/uring_loop.h"

namespace zyphos {
namespace {

using Make = std::unique_ptr<Engine> (*)(const EngineOptions&, ConnectionFactory, Board&);

struct Entry {
  std::string_view name;
  std::string (*missing)(const EngineOptions&);
  Make make;
};

std::string nothing_missing(const EngineOptions&) { return {}; }

std::string ring_missing(const EngineOptions& options) {
  const std::string wrong = contradiction(options.uring);
  if (!wrong.empty()) throw std::invalid_argument(wrong);
  return uring_missing(options.uring);
}

std::string processes_missing(const EngineOptions& options) {
  const std::string wrong = prefork_contradiction(options);
  if (!wrong.empty()) throw std::invalid_argument(wrong);
  return process_fd(::getpid()) ? "" : "this kernel has no pidfd_open (Linux 5.3)";
}

constexpr char kSelect[] = "select", kPoll[] = "poll", kEpoll[] = "epoll",
               kCoroutine[] = "coroutine", kUring[] = "uring";

template <LoopMaker maker, const char* name>
std::unique_ptr<Engine> make_of_loops(const EngineOptions& options, ConnectionFactory factory,
                                      Board& board) {
  return make_loop_engine(name, options, std::move(factory), board, maker);
}

constexpr std::array kEngines{
    Entry{"sequential", nothing_missing, make_sequential_engine},
    Entry{"thread", nothing_missing, make_thread_engine},
    Entry{"pool", nothing_missing, make_pool_engine},
    Entry{kSelect, nothing_missing, make_of_loops<make_select_loop, kSelect>},
    Entry{kPoll, nothing_missing, make_of_loops<make_poll_loop, kPoll>},
    Entry{kEpoll, nothing_missing, make_of_loops<make_epoll_loop, kEpoll>},
    Entry{kCoroutine, nothing_missing, make_of_loops<make_coroutine_loop, kCoroutine>},
    Entry{kUring, ring_missing, make_of_loops<make_uring_loop, kUring>},
    Entry{"prefork", processes_missing, make_prefork_engine},
};

}  // namespace

std::unique_ptr<Engine> make_engine(std::string_view name, const EngineOptions& options,
                                    ConnectionFactory factory, Board& board) {
  for (const Entry& entry : kEngines) {
    if (entry.name != name) continue;
    const std::string missing = entry.missing(options);
    if (!missing.empty()) throw std::runtime_error(missing);
    const std::string useless = readiness_missing(name, options.readiness);
    if (!useless.empty()) throw std::invalid_argument(useless);
    return entry.make(options, std::move(factory), board);
  }
  std::string names;
  for (const Entry& entry : kEngines) {
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw std::invalid_argument("unknown engine '" + std::string(name) + "' (there are " + names +
                              ")");
}

std::vector<EngineAbility> engine_abilities() {
  std::vector<EngineAbility> abilities;
  abilities.reserve(kEngines.size());
  for (const Entry& entry : kEngines) {
    abilities.push_back({.name = std::string(entry.name), .missing = entry.missing({})});
  }
  return abilities;
}

}  // namespace zyphos
