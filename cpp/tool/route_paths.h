// Routing as code paths: lookups and the building of routers, by kind. Their input names the table:
//
//   matchit             the routes that the router matchit is measured on, each of them in turn
//   made 100000 64      so many routes, of which so many are asked for, in random order; 0: all
//   exploding 12        so many routes, for which an automaton needs 2^12 states
//   GET /users/{id}     or the routes themselves, one a line; parameters are asked for as "x"
#pragma once

#include <memory>

#include "base/bytes.h"
#include "route/router.h"
#include "tool/code_path.h"

namespace zyphos {

// An iteration is one lookup, of the next path; its result is 1. CodeRefused when the input is no
// table, or the kind refuses it.
std::unique_ptr<CodePath> route_lookup(route::Kind kind, Bytes input);
// An iteration makes a router of the table; its result is the bytes that it takes for each route.
std::unique_ptr<CodePath> route_build(route::Kind kind, Bytes input);

template <route::Kind kKind>
std::unique_ptr<CodePath> route_lookup_by(Bytes input) {
  return route_lookup(kKind, input);
}

template <route::Kind kKind>
std::unique_ptr<CodePath> route_build_by(Bytes input) {
  return route_build(kKind, input);
}

}  // namespace zyphos
