// What the engines' tests run on: each engine, and each way in which it can work. Included by tests
// only.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/uring_modes.h"

namespace zyphos::testing {

// Of engine pool, where a case does not say otherwise: more than any case holds open.
inline constexpr unsigned kPoolThreads = 40;

struct EngineMode {
  std::string name;    // of the test: letters, digits and '_'
  std::string engine;  // as make_engine() has it
  ReadinessOptions readiness = {};
  UringOptions uring = {};
  unsigned threads = 1;
  PreforkOptions prefork = {};

  void apply(EngineOptions& options) const {
    options.readiness = readiness;
    options.uring = uring;
    options.threads = threads;
    options.prefork = prefork;
  }
};

inline const std::vector<EngineMode>& engine_modes() {
  static const std::vector<EngineMode> modes = [] {
    std::vector<EngineMode> all{
        {.name = "sequential", .engine = "sequential"},
        {.name = "thread", .engine = "thread"},
        {.name = "pool", .engine = "pool", .threads = kPoolThreads},
        {.name = "select", .engine = "select"},
        {.name = "poll", .engine = "poll"},
        {.name = "poll_shared",
         .engine = "poll",
         .readiness = {.accepting = Accepting::shared},
         .threads = 2},
        {.name = "select_acceptor",
         .engine = "select",
         .readiness = {.accepting = Accepting::acceptor},
         .threads = 2},
        {.name = "epoll", .engine = "epoll"},
        {.name = "epoll_level", .engine = "epoll", .readiness = {.trigger = Trigger::level}},
        {.name = "epoll_oneshot", .engine = "epoll", .readiness = {.trigger = Trigger::oneshot}},
        {.name = "epoll_exclusive",
         .engine = "epoll",
         .readiness = {.exclusive = true, .accepting = Accepting::shared},
         .threads = 2},
        {.name = "epoll_acceptor",
         .engine = "epoll",
         .readiness = {.accepting = Accepting::acceptor, .hand_out = HandOut::least_connections},
         .threads = 2},
        {.name = "coroutine", .engine = "coroutine"},
        {.name = "uring", .engine = "uring"},
        {.name = "prefork", .engine = "prefork"},
        {.name = "prefork_random", .engine = "prefork", .prefork = {.steer = Steer::random}},
        {.name = "prefork_inherited",
         .engine = "prefork",
         .readiness = {.trigger = Trigger::edge, .exclusive = true},
         .prefork = {.accept = WorkerAccept::inherited}},
        {.name = "prefork_passed",
         .engine = "prefork",
         .prefork = {.accept = WorkerAccept::passed}},
    };
    for (auto& [name, options] : uring_modes()) {
      all.push_back({.name = std::move(name), .engine = "uring", .uring = options});
    }
    return all;
  }();
  return modes;
}

inline const EngineMode& engine_mode(std::string_view name) {
  return *std::ranges::find(engine_modes(), name, &EngineMode::name);
}

inline std::vector<std::string> engine_mode_names() {
  std::vector<std::string> names;
  for (const EngineMode& mode : engine_modes()) names.push_back(mode.name);
  return names;
}

}  // namespace zyphos::testing
