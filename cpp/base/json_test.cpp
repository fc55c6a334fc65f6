#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace zyphos {
namespace {

TEST(JsonLine, WritesInOrder) {
  JsonLine json;
  json.begin("", '{').text("a", "x").number("b", std::int64_t{-1});
  json.begin("c", '[').begin("", '{').end('}').begin("", '{').flag("d", true).end('}').end(']');
  json.number("e", std::optional<double>(0.5)).number("f", std::optional<double>()).end('}');
  EXPECT_EQ(json.line(), R"({"a":"x","b":-1,"c":[{},{"d":true}],"e":0.5,"f":null})");
}

TEST(JsonLine, QuotesWhatMustBe) {
  JsonLine json;
  json.text("", "a\"b\\c\n\x01");
  EXPECT_EQ(json.line(), R"("a\"b\\c\u000a\u0001")");
}

TEST(JsonLine, WhatIsNoNumberIsNull) {
  JsonLine json;
  json.number("", std::optional<double>(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(json.line(), "null");
}

// RFC 4648, 10.
TEST(Base64, KnownAnswers) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

}  // namespace
}  // namespace zyphos
