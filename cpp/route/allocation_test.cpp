// A lookup allocates nothing, whatever comes of it.
#include <gtest/gtest.h>

#include "route/samples.h"
#include "testing/count_allocations.h"

namespace zyphos::route {
namespace {

class Allocations : public ::testing::TestWithParam<Kind> {};

TEST_P(Allocations, AreNone) {
  std::vector<std::string> lines = {"GET /users/{id}/keys/{key}", "GET /static/{*path}",
                                    "POST /users/me", "GET /about", "GET /{a}/{b}/{c}/{d}"};
  if (regex_lack().empty()) lines.push_back("GET /items/{id:[0-9]+}");
  const Table table = table_of(lines);
  const auto router = router_of(GetParam(), table);
  std::vector<PaddedPath> paths;
  for (const char* path : {"/users/7/keys/long-enough-to-be-no-short-string", "/static/a/b/c",
                           "/users/me", "/about", "/items/123", "/items/abc", "/no", "", "/a/b//d",
                           "/users/x/y/z/much/too/deep/for/any/pattern/of/these"}) {
    paths.emplace_back(path);
  }
  std::size_t found = 0;
  const auto look = [&] {
    for (const PaddedPath& path : paths) {
      Match match;
      router->find(Method::get, path.view(), match);
      found += match.outcome == Outcome::found ? 1 : 0;
    }
  };
  look();  // RE2 learns its states
  const std::size_t before = testing::allocations;
  for (int i = 0; i < 1000; ++i) look();
  EXPECT_EQ(testing::allocations - before, 0U);
  EXPECT_GT(found, 3000U);
}

INSTANTIATE_TEST_SUITE_P(All, Allocations,
                         ::testing::Values(Kind::linear, Kind::hash, Kind::trie, Kind::radix,
                                           Kind::dfa));

}  // namespace
}  // namespace zyphos::route
