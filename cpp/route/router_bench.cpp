// Routers on matchit's 130 routes, each route once in turn as its own bench does (items/s is
// lookups/s); and as routes become more, with few paths in use (64) or all of them in random
// order. `bytes_per_route` is what a lookup may look at; `build` is from the table on.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "base/random.h"
#include "route/samples.h"

namespace zyphos::route {
namespace {

void look_up(benchmark::State& state, const Router& router, const std::vector<PaddedPath>& paths) {
  for (auto _ : state) {
    for (const PaddedPath& path : paths) {
      Match match;
      router.find(Method::get, path.view(), match);
      benchmark::DoNotOptimize(match);
      if (match.outcome != Outcome::found) state.SkipWithError("not found");
    }
  }
  const auto lookups = state.iterations() * static_cast<std::int64_t>(paths.size());
  state.SetItemsProcessed(lookups);
}

void matchit_routes(benchmark::State& state, Kind kind) {
  const Table table = table_of(matchit_lines());
  const auto router = router_of(kind, table);
  std::vector<PaddedPath> paths;
  for (const std::string_view route : kMatchitRoutes) {
    std::string path(route);
    std::erase(path, '{');
    std::erase(path, '}');
    paths.emplace_back(path);
  }
  look_up(state, *router, paths);
  state.counters["bytes_per_route"] =
      static_cast<double>(router->memory_bytes()) / static_cast<double>(kMatchitRoutes.size());
}

// `used` of them, in random order; 0: all.
void routes(benchmark::State& state, Kind kind, std::size_t used) {
  const auto lines = made_routes(static_cast<std::size_t>(state.range(0)));
  const Table table = table_of(lines);
  const auto router = router_of(kind, table);
  Random random(1);
  std::vector<PaddedPath> paths;
  for (const std::string& line : lines) paths.emplace_back(path_for(line.substr(4), "1234"));
  std::ranges::shuffle(paths, random);
  const std::size_t wanted = used == 0 ? std::max<std::size_t>(paths.size(), 64) : used;
  while (paths.size() < wanted) paths.push_back(paths[random.below(paths.size())]);
  paths.erase(paths.begin() + static_cast<std::ptrdiff_t>(wanted), paths.end());
  look_up(state, *router, paths);
  state.counters["bytes_per_route"] =
      static_cast<double>(router->memory_bytes()) / static_cast<double>(lines.size());
}

void build(benchmark::State& state, Kind kind) {
  const Table table = table_of(made_routes(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(router_of(kind, table));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

#define ZY_KIND(kind)                                                              \
  BENCHMARK_CAPTURE(matchit_routes, kind, Kind::kind);                             \
  BENCHMARK_CAPTURE(routes, kind##_64_in_use, Kind::kind, 64)->Arg(10)->Arg(1000); \
  BENCHMARK_CAPTURE(build, kind, Kind::kind)->Arg(1000)->Unit(benchmark::kMillisecond)
#define ZY_LARGE(kind)                                                                            \
  BENCHMARK_CAPTURE(routes, kind##_64_in_use, Kind::kind, 64)->Arg(100)->Arg(10000)->Arg(100000); \
  BENCHMARK_CAPTURE(routes, kind##_all_in_use, Kind::kind, 0)->Arg(100)->Arg(10000)->Arg(100000); \
  BENCHMARK_CAPTURE(build, kind, Kind::kind)->Arg(100000)->Unit(benchmark::kMillisecond)
ZY_KIND(linear);
ZY_KIND(hash);
ZY_KIND(trie);
ZY_KIND(radix);
ZY_KIND(dfa);
ZY_LARGE(trie);
ZY_LARGE(radix);
ZY_LARGE(dfa);

}  // namespace
}  // namespace zyphos::route
