// Table: the routes of an application, read, checked and put in the order in which they are tried.
// What is wrong with them is said here, once, when it is made: a lookup has nothing to complain of.
//
// Where several patterns fit a path, the most specific one takes it, not the first one written: the
// first segment in which they differ decides, literal before expression before {parameter} before
// {*rest}. Methods belong to it: a pattern whose routes have not the request's method leaves the
// path to the next one that fits; only where none has it is the answer 405, with all their methods.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/method.h"
#include "route/pattern.h"
#include "route/regex.h"

namespace zyphos::route {

inline constexpr std::uint32_t kNone = 0xffffffff;
inline constexpr std::size_t kRoutes_max = 1'000'000;

// As its author declares it.
struct Route {
  std::string method;   // one of the nine, or "*"; GET answers HEAD too where nothing else does
  std::string pattern;  // pattern.h
  std::string origin;   // where it was read, for complaints: "routes.txt:7"; may be empty
};

// The routes that take the same paths: one for each method, or kNone.
struct Shape {
  Pattern pattern;  // the first one's: names differ from route to route
  std::array<std::uint32_t, kMethodCount> routes;
  std::vector<std::uint32_t> regexes;  // by segment, kNone where it is no expression
};

class Table {
 public:
  // Error: every complaint, one line each, naming both routes where two are at odds:
  //   routes.txt:9: GET /users/{name} takes the same paths as routes.txt:4: GET /users/{id}
  //   routes.txt:9: GET /users/{id} is never reached: routes.txt:4: GET /users/{id:.*} takes all
  // O(routes * log routes); for never-reached ones times the expressions that take everything.
  static std::expected<Table, std::vector<std::string>> make(std::vector<Route> routes);

  std::span<const Route> routes() const { return routes_; }
  // Of a route's parameters, in the order of the path.
  std::span<const std::string> names(std::uint32_t route) const { return names_[route]; }
  // In the order in which they are tried: an index is a rank.
  std::span<const Shape> shapes() const { return shapes_; }
  const Regex& regex(std::uint32_t index) const { return regexes_[index]; }
  // Of the deepest pattern.
  std::uint32_t segments_max() const { return segments_max_; }

 private:
  friend class TableMaker;
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> names_;
  std::vector<Shape> shapes_;
  std::vector<Regex> regexes_;
  std::uint32_t segments_max_ = 0;
};

// "origin: GET /a/{b}", as complaints name it.
std::string route_text(const Route& route);

}  // namespace zyphos::route
