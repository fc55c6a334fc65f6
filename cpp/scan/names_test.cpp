#include "scan/names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "testing/guard_buffer.h"

namespace zyphos::scan {
namespace {

constexpr std::array<std::string_view, 9> kFields{
    "te",         "host",           "expect",  "cookie",           "upgrade",
    "connection", "content-length", "trailer", "transfer-encoding"};
constexpr NameSet<kFields.size()> kSet{kFields};

// One character at a time.
std::size_t index_of(std::string_view name) {
  const auto same = [name](std::string_view lower) {
    return std::ranges::equal(name, lower, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
  };
  return static_cast<std::size_t>(std::ranges::find_if(kFields, same) - kFields.begin());
}

void expect_as_ruled(testing::GuardBuffer& guard, std::string_view name) {
  const std::string_view placed = as_text(guard.place(as_bytes(name)));
  ASSERT_EQ(kSet.find(placed), index_of(name)) << name;
}

TEST(NameSet, FindsEachInAnyCase) {
  testing::GuardBuffer guard(64);
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    std::string name(kFields[i]);
    for (char& c : name) {
      expect_as_ruled(guard, name);
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    expect_as_ruled(guard, name);
    EXPECT_EQ(kSet.find(as_text(guard.place(as_bytes(name)))), i);
  }
}

TEST(NameSet, FindsNoOther) {
  constexpr std::string_view kToken = "!#$%&'*+-.^_`|~09azAZ";
  testing::GuardBuffer guard(64);
  for (const std::string_view field : kFields) {
    for (std::size_t at = 0; at < field.size(); ++at) {
      for (const char c : kToken) {
        std::string name(field);
        name[at] = c;
        expect_as_ruled(guard, name);
      }
      expect_as_ruled(guard, field.substr(0, at));
      expect_as_ruled(guard, field.substr(at));
    }
    expect_as_ruled(guard, std::string(field) + "s");
    expect_as_ruled(guard, std::string(field) + std::string(32, 'x'));
  }
}

TEST(NameSet, SaysTheSameOfRandomNames) {
  testing::GuardBuffer guard(64);
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string name(kFields[random.below(kFields.size())]);
    for (std::uint64_t n = random.below(3); n > 0; --n) {
      char& c = name[random.below(name.size())];
      c = static_cast<char>(random.below(2) == 0 ? c - ('a' - 'A') * (c >= 'a') : 'a' + 7);
    }
    expect_as_ruled(guard, name);
  }
}

}  // namespace
}  // namespace zyphos::scan
