#include "protocol/http1/skip.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "testing/guard_buffer.h"

namespace zyphos::http1 {
namespace {

constexpr std::size_t kSize_max = 70;

bool in_field(char c) { return is(c, kFieldChar); }
bool in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '.';
}

// The rules themselves: one character at a time.
const char* field_end(const char* at, const char* end) {
  return std::find_if_not(at, end, in_field);
}
bool is_ruled_plain(std::string_view host) {
  const auto* colon = std::find_if_not(host.begin(), host.end(), in_name);
  return colon == host.end() || (*colon == ':' && std::all_of(colon + 1, host.end(), is_digit));
}

// What looks at many says the same as the rule; behind the text lie bytes that would mislead.
void expect_as_ruled(testing::GuardBuffer& guard, std::string_view text) {
  const std::string_view placed = as_text(guard.place(as_bytes(text)));
  const char* at = placed.data();
  const char* end = at + placed.size();
  ASSERT_EQ(skip_field_text(at, end), field_end(at, end)) << text;
  ASSERT_EQ(skip_field_text_by_8(at, end), field_end(at, end)) << text;
  ASSERT_TRUE(!is_plain_host(placed) || is_ruled_plain(placed)) << text;
#if defined(__SSE2__)
  ASSERT_EQ(skip_field_text_by_16(at, end), field_end(at, end)) << text;
  ASSERT_EQ(is_plain_host_by_16(placed), is_ruled_plain(placed)) << text;
#endif
}

TEST(Skip, StopsAtEachByteInEachPlace) {
  testing::GuardBuffer guard(kSize_max);
  for (std::size_t size = 0; size <= 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char others : {'a', '7'}) {
        std::string text(size, others);
        for (int byte = 0; byte < 256; ++byte) {
          text[at] = static_cast<char>(byte);
          expect_as_ruled(guard, text);
        }
      }
    }
    expect_as_ruled(guard, std::string(size, '7'));
  }
}

TEST(Skip, StopsAtTheFirstOfManyThatDoNotBelong) {
  testing::GuardBuffer guard(kSize_max);
  constexpr std::string_view kMostly = "az09.-AZ\t\t \x7f\x80\x1f/:::123[@`{";
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string text(random.below(kSize_max + 1), 'x');
    for (char& c : text) {
      if (random.below(4) == 0) c = kMostly[random.below(kMostly.size())];
    }
    expect_as_ruled(guard, text);
  }
}

TEST(SameName, KnowsNoCaseAndEveryLength) {
  for (const std::string_view lower :
       {"te", "via", "host", "allow", "expect", "upgrade", "location", "connection",
        "content-length", "if-modified-since", "access-control-allow-origin"}) {
    std::string name(lower);
    EXPECT_TRUE(same_name(name, lower));
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string other = name;
      other[i] = static_cast<char>(other[i] == '-' ? '-' : other[i] - ('a' - 'A'));
      EXPECT_TRUE(same_name(other, lower)) << other;
      other[i] = other[i] == '_' ? 'y' : '_';
      EXPECT_FALSE(same_name(other, lower)) << other;
    }
    EXPECT_FALSE(same_name(name + "s", lower));
    EXPECT_FALSE(same_name(name.substr(1), lower));
  }
}

}  // namespace
}  // namespace zyphos::http1
