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

struct EngineMode {
  std::string name;    // of the test: letters, digits and '_'
  std::string engine;  // as make_engine() has it
  UringOptions uring = {};

  void apply(EngineOptions& options) const { options.uring = uring; }
};

inline const std::vector<EngineMode>& engine_modes() {
  static const std::vector<EngineMode> modes = [] {
    std::vector<EngineMode> all{
        {.name = "thread", .engine = "thread"},
        {.name = "epoll", .engine = "epoll"},
        {.name = "uring", .engine = "uring"},
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
