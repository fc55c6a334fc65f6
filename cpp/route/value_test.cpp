// What a client puts into a parameter stays in it: no escape makes two segments of one, and what
// would leave a folder is seen after it was decoded.
#include "route/value.h"

#include <gtest/gtest.h>

#include <array>

#include "route/samples.h"

namespace zyphos::route {
namespace {

// The value of {name} in the path, decoded; "404" and "refused" where there is none.
std::string value_in(std::string_view path) {
  const Table table = table_of({"GET /files/{name}", "GET /files/{name}/secret"});
  const auto router = router_of(Kind::dfa, table);
  const PaddedPath padded(path);
  Match match;
  router->find(Method::get, padded.view(), match);
  if (match.outcome != Outcome::found) return "404";
  std::array<char, 256> out;
  const auto value = decode_value(match.parameter(0), out);
  if (!value) return "refused";
  return std::to_string(match.route) + ":" + std::string(*value);
}

TEST(Values, AreDecodedOnceAndStayOneSegment) {
  EXPECT_EQ(value_in("/files/a%20b"), "0:a b");
  EXPECT_EQ(value_in("/files/a%2Fsecret"), "0:a/secret") << "not the route of a/secret";
  EXPECT_EQ(value_in("/files/%252e"), "0:%2e");
  EXPECT_EQ(value_in("/files/%2e%2e%2fetc%2fpasswd"), "0:../etc/passwd");
  EXPECT_EQ(value_in("/files/%zz"), "refused");
  EXPECT_EQ(value_in("/files/%2"), "refused");
  EXPECT_EQ(value_in("/files/"), "404");
  EXPECT_EQ(value_in("/files/../etc"), "404");
}

TEST(Values, NeedTheirRoom) {
  const PaddedPath raw("abc");
  std::array<char, 3> out;
  EXPECT_EQ(decode_value(raw.view(), out), "abc");
  EXPECT_EQ(decode_value(raw.view(), std::span(out).first(2)), std::nullopt);
}

TEST(Values, ArePlainNamesOrNot) {
  for (const char* name : {"a", "a.txt", "...", ".hidden", "a b", "\xff"}) {
    EXPECT_TRUE(is_plain_name(name)) << name;
  }
  for (const char* name : {"", ".", "..", "a/b", "/", "..\\x", "../etc"}) {
    EXPECT_FALSE(is_plain_name(name)) << name;
  }
  EXPECT_FALSE(is_plain_name(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace zyphos::route
