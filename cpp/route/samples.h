// Tables from a few words, and every kind of router made of one: for tests, benches and
// zyphos-code.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "route/matchit_routes.h"
#include "route/router.h"

namespace zyphos::route {

// "GET /a/{b}", one for each route; its origin is its number, from 1 on.
inline std::vector<Route> routes_of(const std::vector<std::string>& lines) {
  std::vector<Route> routes;
  for (const std::string& line : lines) {
    const auto space = line.find(' ');
    routes.push_back(
        {line.substr(0, space), line.substr(space + 1), std::to_string(routes.size() + 1)});
  }
  return routes;
}

inline Table table_of(const std::vector<std::string>& lines) {
  auto table = Table::make(routes_of(lines));
  if (!table) throw std::runtime_error(table.error().front());
  return std::move(*table);
}

inline std::unique_ptr<Router> router_of(Kind kind, const Table& table) {
  auto router = make_router(kind, table);
  if (!router) throw std::runtime_error(router.error());
  return std::move(*router);
}

// A path with what routers may read behind it.
class PaddedPath {
 public:
  explicit PaddedPath(std::string_view path) : bytes_(path), size_(path.size()) {
    bytes_.resize(size_ + kReadPadding, '/');
  }
  std::string_view view() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::string bytes_;
  std::size_t size_;
};

// Routes as services have them, as many as asked for: of each three one is static, one has a
// parameter and one has two, under so many collections that each has 12.
inline std::vector<std::string> made_routes(std::size_t count) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string head = "GET /v1/collection" + std::to_string(i / 12);
    const std::string name = "/action" + std::to_string(i % 12);
    const std::string tail = i % 3 == 0   ? name
                             : i % 3 == 1 ? "/{id}" + name
                                          : "/{id}" + name + "/{item}";
    lines.push_back(head + tail);
  }
  return lines;
}

inline std::vector<std::string> matchit_lines() {
  std::vector<std::string> lines;
  for (const std::string_view route : kMatchitRoutes) lines.push_back("GET " + std::string(route));
  return lines;
}

// As many routes as levels, each with its literal in another one: a path may still be of any set of
// them, so that an automaton has 2^levels states where trees have some levels * levels nodes.
inline std::vector<std::string> exploding_routes(std::size_t levels) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < levels; ++i) {
    std::string pattern;
    for (std::size_t k = 0; k < levels; ++k) {
      pattern += k == i ? "/a" : "/{p" + std::to_string(k) + "}";
    }
    lines.push_back("GET " + pattern + "/end" + std::to_string(i));
  }
  return lines;
}

// A path for a pattern: its parameters replaced by `value`.
inline std::string path_for(std::string_view pattern, std::string_view value) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') {
      path += pattern[i];
      continue;
    }
    path += value;
    i = pattern.find('}', i);
  }
  return path;
}

}  // namespace zyphos::route
