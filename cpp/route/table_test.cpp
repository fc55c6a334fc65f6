// What a table refuses, what it says of it, and in which order it has its routes tried.
#include "route/table.h"

#include <gtest/gtest.h>

#include "route/samples.h"

namespace zyphos::route {
namespace {

std::string said(const std::vector<std::string>& lines) {
  const auto table = Table::make(routes_of(lines));
  if (table) return "";
  std::string all;
  for (const std::string& line : table.error()) all += line + "\n";
  return all;
}

TEST(Patterns, AreReadIntoSegments) {
  const auto pattern = read_pattern("/a-b/{id}/%2F/{*rest}");
  ASSERT_TRUE(pattern) << pattern.error();
  ASSERT_EQ(pattern->segments.size(), 4U);
  EXPECT_EQ(pattern->segments[1].kind, SegmentKind::parameter);
  EXPECT_EQ(pattern->segments[1].name, "id");
  EXPECT_EQ(pattern->segments[3].kind, SegmentKind::rest);
  EXPECT_EQ(pattern->shape(), "/a-b/{}/%2F/{*}");
  EXPECT_FALSE(pattern->is_static());
  EXPECT_EQ(read_pattern("/")->segments.size(), 1U);
  EXPECT_EQ(read_pattern("/a/")->segments.back().text, "");
  EXPECT_EQ(read_pattern("/{id:[0-9]{2,3}}/x")->segments[0].text, "[0-9]{2,3}");
}

TEST(Patterns, AreRefusedWithTheReason) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "begin with '/'"},
      {"a", "begin with '/'"},
      {"/a?b", "'?'"},
      {"/a#", "'#'"},
      {"/a b", "' '"},
      {"/\xc3\xa9", "percent-encode"},
      {"/%2", "two hexadecimal"},
      {"/%gg", "two hexadecimal"},
      {"/a/../b", "dot segment"},
      {"/.", "dot segment"},
      {"/x{id}", "whole segment"},
      {"/{id}.png", "whole segment"},
      {"/{id", "whole segment"},
      {"/{}", "no name"},
      {"/{1a}", "no name"},
      {"/{*}", "no name"},
      {"/{a}/{a}", "two parameters named 'a'"},
      {"/{*a}/b", "nothing can follow"},
      {"/{a:}", "empty expression"},
      {"/{a:x/y}", "no segment holds"},
  };
  for (const auto& [text, reason] : cases) {
    const auto pattern = read_pattern(text);
    ASSERT_FALSE(pattern) << text;
    EXPECT_NE(pattern.error().find(reason), std::string::npos) << text << ": " << pattern.error();
  }
}

TEST(Patterns, HaveLimits) {
  std::string deep;
  for (std::size_t i = 0; i < kSegments_max; ++i) deep += "/a";
  EXPECT_TRUE(read_pattern(deep));
  EXPECT_FALSE(read_pattern(deep + "/a"));
  std::string many;
  for (std::size_t i = 0; i < kParameters_max; ++i) many += "/{p" + std::to_string(i) + "}";
  EXPECT_TRUE(read_pattern(many));
  EXPECT_FALSE(read_pattern(many + "/{q}"));
  EXPECT_TRUE(read_pattern("/" + std::string(kPattern_bytes_max - 1, 'a')));
  EXPECT_FALSE(read_pattern("/" + std::string(kPattern_bytes_max, 'a')));
}

TEST(Tables, SayWhichTwoRoutesTakeTheSamePaths) {
  EXPECT_EQ(said({"GET /users/{id}", "GET /users/me", "GET /users/{name}"}),
            "3: GET /users/{name} takes the same paths as 1: GET /users/{id}\n");
  EXPECT_EQ(said({"* /a", "* /a"}), "2: * /a takes the same paths as 1: * /a\n");
  EXPECT_EQ(said({"GET /{*a}", "GET /{*b}"}),
            "2: GET /{*b} takes the same paths as 1: GET /{*a}\n");
  EXPECT_EQ(said({"GET /a", "POST /a", "* /a", "HEAD /a", "GET /a/", "GET /{a}"}), "");
}

TEST(Tables, SayEveryComplaintAtOnce) {
  EXPECT_EQ(said({"FETCH /a", "GET b", "GET /c"}),
            "1: FETCH /a: there is no such method\n2: GET b: it must begin with '/'\n");
  std::vector<std::string> many(150, "GET /a");
  const auto table = Table::make(routes_of(many));
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().size(), 101U);
  EXPECT_EQ(table.error().back(), "and 49 more");
}

TEST(Tables, SayWhichRouteIsNeverReached) {
  if (!regex_lack().empty()) GTEST_SKIP() << regex_lack();
  EXPECT_EQ(said({"GET /a/{x}/c", "GET /a/{y:.+}/c"}),
            "1: GET /a/{x}/c is never reached: 2: GET /a/{y:.+}/c takes all\n");
  EXPECT_EQ(said({"* /a/{x}", "GET /a/{y:.*}"}), "") << "its other methods are reached";
  EXPECT_EQ(said({"GET /a/{x}", "* /a/{y:(.*)}"}),
            "1: GET /a/{x} is never reached: 2: * /a/{y:(.*)} takes all\n");
  EXPECT_EQ(said({"GET /a/{x}", "GET /a/{y:[0-9]+}", "GET /a/{*z}"}), "");
  EXPECT_EQ(said({"GET /a/{*x}", "GET /a/{y:.*}"}), "") << "more segments are left to it";
}

TEST(Tables, RefuseAnExpressionThatIsNone) {
  const std::string text = said({"GET /{a:(}"});
  EXPECT_NE(text.find("1: GET /{a:(}: expression: "), std::string::npos) << text;
  if (!regex_lack().empty()) {
    EXPECT_NE(said({"GET /{a:b}"}).find(regex_lack()), std::string::npos);
  }
}

TEST(Tables, TryTheMostSpecificFirst) {
  const Table table =
      table_of({"GET /{*r}", "GET /{a}/x", "GET /a/{b}", "GET /a/x", "GET /{a}", "GET /a"});
  std::vector<std::string> order;
  for (const Shape& shape : table.shapes()) order.push_back(shape.pattern.shape());
  EXPECT_EQ(order, (std::vector<std::string>{"/a", "/a/x", "/a/{}", "/{}", "/{}/x", "/{*}"}));
  EXPECT_EQ(table.segments_max(), 2U);
  EXPECT_EQ(std::vector<std::string>(table.names(1).begin(), table.names(1).end()),
            std::vector<std::string>{"a"});
}

TEST(Methods, HaveNames) {
  EXPECT_EQ(method_of("DELETE"), Method::remove);
  EXPECT_EQ(method_of("get"), Method::other);
  EXPECT_EQ(method_of("PROPFIND"), Method::other);
  EXPECT_EQ(methods_of("PROPFIND"), std::nullopt);
  EXPECT_EQ(methods_of("*"), kAnyMethod);
  EXPECT_EQ(allow_text(static_cast<MethodSet>(set_of(Method::patch) | set_of(Method::get))),
            "GET, PATCH");
  EXPECT_EQ(allow_text(kAnyMethod), "GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH");
}

}  // namespace
}  // namespace zyphos::route
