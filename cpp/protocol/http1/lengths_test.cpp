// The arithmetic of Content-Length and of a chunk's size, by enumeration: every text near each
// bound of the integers on the way, and every short text of any bytes, is read as exact arithmetic
// reads it (128 bits), by every parser.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "protocol/http1/chunked.h"
#include "protocol/http1/read.h"

namespace zyphos::http1 {
namespace {

using Exact = unsigned __int128;

constexpr Exact kLength_max = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kChunkDigits_max = 15;

std::string in_base(Exact value, unsigned base) {
  std::string text;
  for (; value > 0; value /= base) {
    text.insert(text.begin(), "0123456789abcdef"[static_cast<unsigned>(value % base)]);
  }
  return text.empty() ? "0" : text;
}

// What the digits say, nothing where one is none of the base or the value is beyond `most`.
std::optional<Exact> exactly(std::string_view text, unsigned base, Exact most) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Exact value = 0;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
    const std::size_t digit = kDigits.substr(0, base).find(lower);
    if (digit == kDigits.npos) return {};
    value = value * base + digit;
    if (value > most) return {};
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

std::string padded(std::string text) { return text + std::string(kReadPadding, '\0'); }

std::optional<Exact> content_length(const std::string& value, Parser parser) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: " + value + "\r\n\r\n";
  const std::string bytes = padded(head);
  Fields fields;
  RequestHead read;
  Framing framing;
  const ReadResult result =
      read_request(as_bytes(bytes).first(head.size()), {}, fields, read, framing, parser);
  if (result.state != ReadState::done) return {};
  return framing.content_length;
}

std::optional<Exact> chunk_size(const std::string& text) {
  const std::string line = text + "\r\n";
  ChunkedReader reader;
  const std::size_t read = reader.framing(as_bytes(line));
  if (reader.bad() || read < line.size()) return {};
  return reader.data_left();
}

// Values around each power that some integer on the way might end at.
std::vector<Exact> near_bounds() {
  std::vector<Exact> values;
  const auto around = [&](Exact bound) {
    for (Exact off = 0; off <= 300; ++off) {
      values.push_back(bound + off);
      if (off <= bound) values.push_back(bound - off);
    }
  };
  for (const unsigned bits : {0U, 8U, 16U, 31U, 32U, 53U, 59U, 60U, 61U, 62U, 63U, 64U, 65U}) {
    around(Exact{1} << bits);
  }
  for (Exact power = 1; power < Exact{1} << 70; power *= 10) around(power);
  around(kLength_max / 10 * 10);
  around(kLength_max * 10);
  return values;
}

TEST(Lengths, OfContentAreExactNearEveryBound) {
  std::size_t read = 0;
  for (const Parser parser : {kDescent, kTable, Parser(&scan::best_kernel())}) {
    for (const Exact value : near_bounds()) {
      for (const std::size_t zeros : {0, 1, 19, 40}) {
        const std::string text = std::string(zeros, '0') + in_base(value, 10);
        const auto wanted = exactly(text, 10, kLength_max);
        ASSERT_EQ(content_length(text, parser), wanted) << text;
        read += wanted ? 1 : 0;
      }
    }
  }
  EXPECT_GT(read, 50'000U);
}

TEST(Lengths, OfContentAreDigitsAlone) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      if (text.find_first_of("\r\n \t") != text.npos) continue;  // no value, or not all of it
      ASSERT_EQ(content_length(text, kTable), exactly(text, 10, kLength_max)) << first << second;
      ASSERT_EQ(content_length(text, kDescent), exactly(text, 10, kLength_max)) << first << second;
    }
  }
}

TEST(Lengths, OfChunksAreExactNearEveryBound) {
  std::size_t read = 0;
  for (const Exact value : near_bounds()) {
    for (const std::size_t zeros : {0, 1, 14, 20}) {
      std::string text = std::string(zeros, '0') + in_base(value, 16);
      auto wanted = exactly(text, 16, ~Exact{0});
      if (text.size() > kChunkDigits_max) wanted.reset();
      ASSERT_EQ(chunk_size(text), wanted) << text;
      std::ranges::transform(text, text.begin(), [](char c) { return c > '9' ? c - 32 : c; });
      ASSERT_EQ(chunk_size(text), wanted) << text;
      read += wanted ? 1 : 0;
    }
  }
  EXPECT_GT(read, 5'000U);
}

TEST(Lengths, OfChunksAreHexDigitsAlone) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      if (text.find_first_of("\r\n;") != text.npos) continue;  // framing of its own
      ASSERT_EQ(chunk_size(text), exactly(text, 16, ~Exact{0})) << first << " " << second;
    }
  }
}

// No text of so many digits overflows the sum, so that no larger one needs to be tried.
static_assert((Exact{1} << (4 * kChunkDigits_max)) - 1 < kLength_max);

}  // namespace
}  // namespace zyphos::http1
