// Mutations of heads for tests and fuzzers: by pieces and by the lines that a head is made of.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace zyphos::http1 {

// Changed in one to four places: a byte, a piece twice, a piece gone, a piece of another.
inline std::string mutate(std::string text, const std::vector<std::string>& from, Random& random) {
  using std::string_view_literals::operator""sv;
  constexpr std::string_view kOdd = "\r\n\t :,/\0\x7f\x80\xff#%[]1A\"\\HTTP"sv;
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    const std::size_t at = random.below(text.size() + 1);
    const std::size_t size = random.below(std::min<std::size_t>(text.size() - at, 40) + 1);
    const std::string piece = text.substr(at, size);
    const std::string& other = from[random.below(from.size())];
    switch (random.below(5)) {
      case 0: text.insert(at, 1, kOdd[random.below(kOdd.size())]); break;
      case 1: text.insert(at, piece); break;
      case 2: text.erase(at, size); break;
      case 3: text.insert(at, other.substr(random.below(other.size()), random.below(60))); break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
    }
  }
  return text;
}

// Field lines that a message's framing turns on, and what is near to them.
inline constexpr std::array<std::string_view, 20> kTellingLines{
    "Host: a\r\n",
    "Host: \r\n",
    "Host: [::1]:80\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: 9223372036854775807\r\n",
    "Content-Length: 9223372036854775808\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: , chunked,\r\n",
    "Transfer-Encoding: chunked, gzip\r\n",
    "Transfer-Encoding:\tCHUNKED \r\n",
    "Transfer-Encoding : chunked\r\n",
    "Connection: close, keep-alive\r\n",
    "Connection: upgrade\r\n",
    "Upgrade: websocket\r\n",
    "Expect: 100-continue\r\n",
    " folded: x\r\n",
    "bare: x\ry\r\n",
    "bare: x\n"};

// A line's place: from the beginning of one to the beginning of the next.
inline std::size_t line_start(std::string_view text, Random& random) {
  const std::size_t at = random.below(text.size() + 1);
  const std::size_t end = text.find('\n', at);
  return end == text.npos ? 0 : end + 1;
}

// A line twice, gone, moved, or one that tells put in.
inline std::string mutate_lines(std::string text, Random& random) {
  const std::size_t from = line_start(text, random);
  const std::size_t end = text.find('\n', from);
  const std::size_t size = (end == text.npos ? text.size() : end + 1) - from;
  const std::string line = text.substr(from, size);
  switch (random.below(4)) {
    case 0: return text.insert(from, line);
    case 1: return text.erase(from, size);
    case 2: text.erase(from, size); return text.insert(line_start(text, random), line);
    default: return text.insert(from, kTellingLines[random.below(kTellingLines.size())]);
  }
}

}  // namespace zyphos::http1
