#include "app/web/target.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace zyphos::web {
namespace {

struct Read {
  TargetState state;
  std::string path;
  bool folder = false;
  std::string query;

  friend bool operator==(const Read&, const Read&) = default;
};

Read read(std::string_view text, bool dotfiles = false) {
  Target target;
  const TargetState state = Target::read(text, dotfiles, target);
  if (state != TargetState::good) return {.state = state, .path = {}, .query = {}};
  EXPECT_EQ(target.c_str()[target.path().size()], '\0');
  return {.state = state,
          .path = std::string(target.path()),
          .folder = target.folder(),
          .query = std::string(target.query())};
}

Read good(std::string path, bool folder, std::string query = {}) {
  return {.state = TargetState::good,
          .path = std::move(path),
          .folder = folder,
          .query = std::move(query)};
}

TEST(Targets, AreDecodedAndMadePlain) {
  EXPECT_EQ(read("/"), good("", true));
  EXPECT_EQ(read("/a"), good("a", false));
  EXPECT_EQ(read("/a/"), good("a", true));
  EXPECT_EQ(read("//a///b"), good("a/b", false));
  EXPECT_EQ(read("/./a/./b/."), good("a/b", true));
  EXPECT_EQ(read("/%61%20b?c=%2f..#d"), good("a b", false, "c=%2f.."));
  EXPECT_EQ(read("/%C3%A4"), good("\xC3\xA4", false));
  EXPECT_EQ(read("/%252e%252e"), good("%2e%2e", false));
  EXPECT_EQ(read("/...", true), good("...", false));
  EXPECT_EQ(read("/a..b"), good("a..b", false));
  EXPECT_EQ(read("http://host:80/a?b"), good("a", false, "b"));
  EXPECT_EQ(read("http://host"), good("", true));
  EXPECT_EQ(read("/.well-known/x"), good(".well-known/x", false));
}

TEST(Targets, ThatCouldLeaveTheRootAreRefused) {
  for (const char* text : {"/..", "/../a", "/a/..", "/a/../b", "/%2e%2e/a", "/.%2E", "/%2e./a",
                           "/a%2fb", "/%2F", "/..%2f", "http://host/../a"}) {
    EXPECT_EQ(read(text, true).state, TargetState::escape) << text;
  }
}

TEST(Targets, ThatAreNoPathAreRefused) {
  for (const char* text : {"", "*", "a", "host:80", "/%", "/%4", "/%g0", "/%00", "/a%00.txt",
                           "/%0a", "/%0D", "/%7f", "/a\\b", "/%5c", "/..%5c"}) {
    EXPECT_EQ(read(text, true).state, TargetState::bad) << text;
  }
}

TEST(Targets, ThatAreHiddenOrTooLong) {
  EXPECT_EQ(read("/.a").state, TargetState::hidden);
  EXPECT_EQ(read("/...").state, TargetState::hidden);
  EXPECT_EQ(read("/a/%2eb/c").state, TargetState::hidden);
  EXPECT_EQ(read("/.a", true).state, TargetState::good);
  const std::string most(Target::kPath_bytes_max, 'a');
  EXPECT_EQ(read("/" + most), good(most, false));
  EXPECT_EQ(read("/" + most + "a").state, TargetState::too_long);
  EXPECT_EQ(read("/" + most + "/"), good(most, true));
  EXPECT_EQ(read("/" + most + "/a").state, TargetState::too_long);
}

TEST(FormValues, AreFoundAndDecoded) {
  EXPECT_EQ(form_value("a=1&b=x+y%26z&b=2", "b"), "x y&z");
  EXPECT_EQ(form_value("a&b", "a"), "");
  EXPECT_EQ(form_value("aa=1", "a"), "");
  EXPECT_EQ(form_value("a=%&c=1", "a"), "%");
  EXPECT_EQ(form_value("a=%4", "a"), "%4");
}

TEST(EscapedPaths, AreReadBackAsTheyWere) {
  const std::string odd = "a b/\xC3\xA4%&?#\"<>+:;";
  EXPECT_EQ(escape_path(odd), "a%20b/%C3%A4%25%26%3F%23%22%3C%3E%2B%3A%3B");
  EXPECT_EQ(read("/" + escape_path(odd)), good(odd, false));
}

}  // namespace
}  // namespace zyphos::web
