// All kinds of router say the same, which is what the words at the head of pattern.h and table.h
// say, by an oracle that shares nothing with them: on cases by hand, and on random tables of few
// words, so that patterns overlap. Paths lie against a guard page.
#include "route/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/random.h"
#include "route/samples.h"
#include "testing/guard_buffer.h"

namespace zyphos::route {
namespace {

constexpr std::size_t kPath_bytes_max = 4096;

// What a lookup says, as one line: "found 3 id=7", "405 GET, HEAD", "404".
std::string words_of(const Table& table, const Match& match) {
  if (match.outcome == Outcome::no_path) return "404";
  if (match.outcome == Outcome::no_method) return "405 " + allow_text(match.allow);
  std::string text = "found " + std::to_string(match.route);
  const auto names = table.names(match.route);
  if (names.size() != match.count) return text + ": " + std::to_string(match.count) + " pieces";
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += " " + names[i] + "=" + std::string(match.parameter(i));
  }
  return text;
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (const char c : path.substr(1)) {
    if (parts.empty()) parts.emplace_back();
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.empty()) parts.emplace_back();
  return parts;
}

class Oracle {
 public:
  explicit Oracle(const Table& table) : table_(table) {
    for (const Route& route : table.routes()) {
      patterns_.push_back(*read_pattern(route.pattern));
      for (const Segment& segment : patterns_.back().segments) {
        if (segment.kind != SegmentKind::regex || expressions_.contains(segment.text)) continue;
        expressions_.emplace(segment.text, std::move(*Regex::make(segment.text)));
      }
    }
  }

  std::string find(std::string_view method, std::string_view path) const {
    MethodSet allow = 0;
    std::optional<std::uint32_t> best;
    std::vector<std::string> best_values;
    for (std::uint32_t i = 0; i < patterns_.size(); ++i) {
      const auto values = values_of(patterns_[i], path);
      if (!values) continue;
      allow |= allowed(i);
      if (!answers(i, method) || (best && !is_better(i, *best, method))) continue;
      best = i;
      best_values = *values;
    }
    if (!best) return allow == 0 ? "404" : "405 " + allow_text(allow);
    std::string text = "found " + std::to_string(*best);
    const auto names = table_.names(*best);
    for (std::size_t i = 0; i < names.size(); ++i) text += " " + names[i] + "=" + best_values[i];
    return text;
  }

 private:
  MethodSet allowed(std::uint32_t route) const {
    const std::string& method = table_.routes()[route].method;
    const MethodSet own = *methods_of(method);
    return method == "GET" ? static_cast<MethodSet>(own | set_of(Method::head)) : own;
  }

  bool answers(std::uint32_t route, std::string_view method) const {
    return (allowed(route) & set_of(method_of(method))) != 0;
  }

  // By pattern; for one pattern the method itself before GET's HEAD before any.
  bool is_better(std::uint32_t one, std::uint32_t other, std::string_view method) const {
    if (comes_before(patterns_[one], patterns_[other])) return true;
    if (comes_before(patterns_[other], patterns_[one])) return false;
    const auto rank = [&](std::uint32_t route) {
      const std::string& own = table_.routes()[route].method;
      return own == method ? 0 : own == "*" ? 2 : 1;
    };
    return rank(one) < rank(other);
  }

  // Whether the segment takes the part; what it takes is added to the values.
  bool takes(const Segment& segment, const std::string& part,
             std::vector<std::string>& values) const {
    if (segment.kind == SegmentKind::literal) return part == segment.text;
    values.push_back(part);
    if (segment.kind == SegmentKind::regex && !expressions_.at(segment.text).matches(part)) {
      return false;
    }
    return !part.empty();
  }

  std::optional<std::vector<std::string>> values_of(const Pattern& pattern,
                                                    std::string_view path) const {
    if (!path.starts_with('/')) return std::nullopt;
    auto parts = parts_of(path);
    const std::size_t wanted = pattern.segments.size();
    if (pattern.segments.back().kind == SegmentKind::rest) {
      for (; parts.size() > wanted; parts.pop_back()) {
        parts[parts.size() - 2] += "/" + parts.back();
      }
    }
    if (parts.size() != wanted) return std::nullopt;
    std::vector<std::string> values;
    for (std::size_t i = 0; i < wanted; ++i) {
      if (!takes(pattern.segments[i], parts[i], values)) return std::nullopt;
    }
    return values;
  }

  const Table& table_;
  std::vector<Pattern> patterns_;
  std::map<std::string, Regex> expressions_;
};

class EachKind : public ::testing::TestWithParam<Kind> {
 protected:
  void use(const std::vector<std::string>& lines) {
    router_.reset();
    table_ = std::make_unique<Table>(table_of(lines));
    router_ = router_of(GetParam(), *table_);
  }

  std::string find(std::string_view method, std::string_view path) {
    const std::string_view placed = as_text(guard_.place(as_bytes(path)));
    Match match;
    router_->find(method_of(method), placed, match);
    return words_of(*table_, match);
  }

  testing::GuardBuffer guard_{kPath_bytes_max};
  std::unique_ptr<Table> table_;
  std::unique_ptr<Router> router_;
};

TEST_P(EachKind, FindsByMethodAndPath) {
  use({"GET /users/{id}", "POST /users/{id}", "GET /users/me", "GET /static/{*path}", "* /any",
       "GET /", "DELETE /users/{who}/keys/{key}"});
  EXPECT_EQ(find("GET", "/users/7"), "found 0 id=7");
  EXPECT_EQ(find("HEAD", "/users/7"), "found 0 id=7");
  EXPECT_EQ(find("POST", "/users/7"), "found 1 id=7");
  EXPECT_EQ(find("GET", "/users/me"), "found 2");
  EXPECT_EQ(find("POST", "/users/me"), "found 1 id=me") << "whose pattern has not the method";
  EXPECT_EQ(find("PUT", "/users/me"), "405 GET, HEAD, POST");
  EXPECT_EQ(find("GET", "/static/css/a.css"), "found 3 path=css/a.css");
  EXPECT_EQ(find("GET", "/static//a"), "found 3 path=/a");
  EXPECT_EQ(find("PROPFIND", "/any"), "found 4");
  EXPECT_EQ(find("GET", "/"), "found 5");
  EXPECT_EQ(find("DELETE", "/users/7/keys/a"), "found 6 who=7 key=a");
  EXPECT_EQ(find("GET", "/users/7/keys/a"), "405 DELETE");
  for (const char* path : {"", "*", "users/7", "/users", "/users/", "/users/7/", "/static",
                           "/static/", "//", "/users/7/keys", "/any/", "/anyone", "/an"}) {
    EXPECT_EQ(find("GET", path), "404") << path;
  }
}

TEST_P(EachKind, TakesASegmentAsItWasSent) {
  use({"GET /files/{name}", "GET /a%2Fb"});
  EXPECT_EQ(find("GET", "/files/a%2Fb"), "found 0 name=a%2Fb") << "a decoded slash splits nothing";
  EXPECT_EQ(find("GET", "/files/.."), "found 0 name=..") << "dots are the application's to refuse";
  EXPECT_EQ(find("GET", "/files/%2e%2e%2fetc"), "found 0 name=%2e%2e%2fetc");
  EXPECT_EQ(find("GET", "/files/a/../b"), "404");
  EXPECT_EQ(find("GET", "/a%2Fb"), "found 1");
  EXPECT_EQ(find("GET", "/a%2fb"), "404") << "compared byte by byte";
  EXPECT_EQ(find("GET", "/a/b"), "404");
  EXPECT_EQ(find("GET", std::string_view("/files/a\0b", 10)), std::string("found 0 name=a\0b", 16));
}

TEST_P(EachKind, GoesBackWhereALiteralLeadsNowhere) {
  use({"GET /a/b/c", "GET /{x}/b/d", "GET /a/{y}/e", "GET /{x}/{y}/{z}/f", "GET /a/{*rest}"});
  EXPECT_EQ(find("GET", "/a/b/c"), "found 0");
  EXPECT_EQ(find("GET", "/a/b/d"), "found 4 rest=b/d") << "the first segment decides";
  EXPECT_EQ(find("GET", "/q/b/d"), "found 1 x=q");
  EXPECT_EQ(find("GET", "/a/b/e"), "found 2 y=b");
  EXPECT_EQ(find("GET", "/q/b/c/f"), "found 3 x=q y=b z=c");
  EXPECT_EQ(find("GET", "/a/b/c/f"), "found 4 rest=b/c/f");
  EXPECT_EQ(find("GET", "/q//c/f"), "404") << "a parameter is not nothing";
}

TEST_P(EachKind, ComparesLongSegmentsWhole) {
  const std::string long_one(40, 'x');
  std::string other = long_one;
  other[20] = 'y';
  use({"GET /" + long_one, "GET /" + other, "GET /abcdefgh", "GET /abcdefghi", "GET /{any}/z"});
  EXPECT_EQ(find("GET", "/" + long_one), "found 0");
  EXPECT_EQ(find("GET", "/" + other), "found 1");
  other[20] = 'z';
  EXPECT_EQ(find("GET", "/" + other), "404");
  EXPECT_EQ(find("GET", "/" + other + "/z"), "found 4 any=" + other);
  EXPECT_EQ(find("GET", "/abcdefgh"), "found 2");
  EXPECT_EQ(find("GET", "/abcdefghi"), "found 3");
  EXPECT_EQ(find("GET", "/abcdefg"), "404");
  EXPECT_EQ(find("GET", std::string_view("/abcdefg\0", 9)), "404");
}

// A look that is not enough must not go on into what belongs to another node.
TEST_P(EachKind, LooksNoFurtherThanItsOwn) {
  for (char c = 'a'; c <= 'z'; ++c) {
    const std::string name = std::string("longer-than-sixteen-bytes-") + c;
    use({"GET /x/" + name, "GET /y/b", "GET /z/b", "GET /{*rest}"});
    EXPECT_EQ(find("GET", "/x/b"), "found 3 rest=x/b");
    EXPECT_EQ(find("GET", "/x/" + name), "found 0");
  }
}

TEST_P(EachKind, TakesPathsOfAnyLengthAndDepth) {
  use({"GET /a/{b}", "GET /deep/{*rest}"});
  std::string deep = "/deep";
  for (int i = 0; i < 400; ++i) {
    deep += "/s" + std::to_string(i);
    ASSERT_EQ(find("GET", deep), "found 1 rest=" + deep.substr(6)) << deep;
    ASSERT_EQ(find("GET", "/a" + deep), "404");
  }
  for (std::size_t size = 1; size < 200; ++size) {
    const std::string value(size, 'v');
    ASSERT_EQ(find("GET", "/a/" + value), "found 0 b=" + value);
    ASSERT_EQ(find("GET", "/a/" + value + "/"), "404");
  }
}

TEST_P(EachKind, KnowsMatchitsRoutes) {
  const auto lines = matchit_lines();
  use(lines);
  const Oracle oracle(*table_);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string path = path_for(kMatchitRoutes[i], "p1");
    ASSERT_EQ(find("GET", path), oracle.find("GET", path)) << path;
    ASSERT_TRUE(find("GET", path).starts_with("found " + std::to_string(i))) << path;
    ASSERT_EQ(find("GET", path + "x/y/z/q"), oracle.find("GET", path + "x/y/z/q"));
  }
}

TEST_P(EachKind, TriesExpressionsInTheOrderOfTheirTexts) {
  if (!regex_lack().empty()) GTEST_SKIP() << regex_lack();
  use({"GET /{word:[a-z]+}/x", "GET /{id:[0-9]+}", "GET /{any}", "GET /{hex:[0-9a-f]+}", "GET /12",
       "POST /{id:[0-9]+}/x"});
  EXPECT_EQ(find("GET", "/12"), "found 4");
  EXPECT_EQ(find("GET", "/13"), "found 1 id=13") << "'[0-9]+' stands before '[0-9a-f]+'";
  EXPECT_EQ(find("GET", "/1f"), "found 3 hex=1f");
  EXPECT_EQ(find("GET", "/1g"), "found 2 any=1g");
  EXPECT_EQ(find("GET", "/ab/x"), "found 0 word=ab");
  EXPECT_EQ(find("GET", "/12/x"), "405 POST");
  EXPECT_EQ(find("GET", "/1a/x"), "404");
}

// --- random tables ------------------------------------------------------------------------------

std::string any_of(Random& random, const std::vector<std::string>& words) {
  return words[random.below(words.size())];
}

std::string random_pattern(Random& random, bool with_regexes) {
  std::string pattern;
  const std::uint64_t depth = 1 + random.below(5);
  for (std::uint64_t i = 0; i < depth; ++i) {
    const std::string number = std::to_string(i);
    switch (random.below(8)) {
      case 0:
      case 1: pattern += "/{p" + number + "}"; break;
      case 2:
        if (i + 1 == depth) return pattern + "/{*r}";
        pattern += "/b";
        break;
      case 3:
        if (with_regexes) {
          pattern += "/{p" + number + ":" + any_of(random, {"[ab]+", "a.*", "..", ".*b"}) + "}";
          break;
        }
        [[fallthrough]];
      default:
        pattern += "/" + any_of(random, {"a", "b", "ab", "aa", "longer-than-8", "", "%2F",
                                         "longer-than-sixteen-bytes", "longer-than-sixtean-bytes"});
    }
  }
  return pattern;
}

std::string random_path(Random& random) {
  if (random.below(50) == 0) return any_of(random, {"", "*", "a/b", "/"});
  std::string path;
  const std::uint64_t depth = 1 + random.below(6);
  for (std::uint64_t i = 0; i < depth; ++i) {
    path += "/" + any_of(random, {"a", "b", "ab", "aa", "", "longer-than-8", "%2F", "x", "..",
                                  "longer-than-sixteen-bytes", "longer-than-sixtean-bytes"});
  }
  return path;
}

// Only what a table has no complaint of.
std::vector<std::string> random_routes(Random& random, bool with_regexes) {
  std::vector<std::string> lines;
  std::set<std::string> seen;
  const std::uint64_t count = 1 + random.below(40);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string pattern = random_pattern(random, with_regexes);
    const std::string method = any_of(random, {"GET", "GET", "POST", "HEAD", "*"});
    if (!seen.insert(method + read_pattern(pattern)->shape()).second) continue;
    lines.push_back(method + " " + pattern);
  }
  return lines;
}

TEST_P(EachKind, SaysWhatTheOracleSaysOfRandomTables) {
  const bool with_regexes = regex_lack().empty();
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto lines = random_routes(random, with_regexes && seed % 3 == 0);
    if (lines.empty()) continue;
    use(lines);
    const Oracle oracle(*table_);
    for (int i = 0; i < 100; ++i) {
      const std::string path = random_path(random);
      const std::string method = any_of(random, {"GET", "POST", "HEAD", "PUT", "PURGE"});
      ASSERT_EQ(find(method, path), oracle.find(method, path)) << method << " " << path;
    }
  }
}

// What was taken out of the path, put back into the route's pattern, is the path.
TEST_P(EachKind, GivesPiecesThatMakeThePathAgain) {
  for (std::uint64_t seed = 1000; seed < 1040; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    use(random_routes(random, false));
    for (int i = 0; i < 100; ++i) {
      const std::string path = random_path(random);
      const std::string_view placed = as_text(guard_.place(as_bytes(path)));
      Match match;
      router_->find(Method::get, placed, match);
      if (match.outcome != Outcome::found) continue;
      std::string again = table_->routes()[match.route].pattern;
      const auto names = table_->names(match.route);
      for (std::size_t k = 0; k < match.count; ++k) {
        const auto open = again.find(again.contains("{*" + names[k]) ? "{*" + names[k] + "}"
                                                                     : "{" + names[k] + "}");
        again.replace(open, again.find('}', open) + 1 - open, match.parameter(k));
      }
      ASSERT_EQ(again, path);
    }
  }
}

TEST_P(EachKind, HoldsThousandsOfRoutes) {
  const auto lines = made_routes(GetParam() == Kind::linear ? 1200 : 12000);
  use(lines);
  for (std::size_t i = 0; i < lines.size(); i += 97) {
    const std::string path = path_for(lines[i].substr(4), "x");
    ASSERT_TRUE(find("GET", path).starts_with("found " + std::to_string(i))) << path;
    ASSERT_EQ(find("GET", path + "0/1/2"), "404");
  }
  EXPECT_GT(router_->memory_bytes(), lines.size() * 16);
}

INSTANTIATE_TEST_SUITE_P(All, EachKind,
                         ::testing::Values(Kind::linear, Kind::hash, Kind::trie, Kind::radix,
                                           Kind::dfa),
                         [](const ::testing::TestParamInfo<Kind>& kind) {
                           return std::string(kKinds[static_cast<std::size_t>(kind.param)]);
                         });

// --- the automaton's price ----------------------------------------------------------------------

// Each level doubles the sets of nodes: 2^n states where a tree has a few n.
TEST(Dfa, RefusesWhatWouldExplode) {
  const Table table = table_of(exploding_routes(12));
  const auto refused = make_router(Kind::dfa, table, 4'000);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("more than 4000 states: take another kind"), std::string::npos)
      << refused.error();
  EXPECT_TRUE(make_router(Kind::dfa, table, 10'000));
  EXPECT_TRUE(make_router(Kind::radix, table, 4'000));
}

}  // namespace
}  // namespace zyphos::route
