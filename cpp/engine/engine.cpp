#include "engine/engine.h"

#include <array>
#include <stdexcept>
#include <utility>

#include "engine/epoll_loop.h"
#include "engine/loop_engine.h"
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

constexpr char kEpoll[] = "epoll", kUring[] = "uring";

template <LoopMaker maker, const char* name>
std::unique_ptr<Engine> make_of_loops(const EngineOptions& options, ConnectionFactory factory,
                                      Board& board) {
  return make_loop_engine(name, options, std::move(factory), board, maker);
}

constexpr std::array kEngines{
    Entry{"thread", nothing_missing, make_thread_engine},
    Entry{kEpoll, nothing_missing, make_of_loops<make_epoll_loop, kEpoll>},
    Entry{kUring, ring_missing, make_of_loops<make_uring_loop, kUring>},
};

}  // namespace

std::unique_ptr<Engine> make_engine(std::string_view name, const EngineOptions& options,
                                    ConnectionFactory factory, Board& board) {
  for (const Entry& entry : kEngines) {
    if (entry.name != name) continue;
    const std::string missing = entry.missing(options);
    if (!missing.empty()) throw std::runtime_error(missing);
    return entry.make(options, std::move(factory), board);
  }
  throw std::invalid_argument("unknown engine '" + std::string(name) +
                              "' (there are thread, epoll, uring)");
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
