// Character classes of RFC 9110, 9112 and 3986 as one table, and what compares names without case.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "scan/ascii_class.h"

namespace zyphos::http1 {

enum Class : std::uint8_t {
  kTokenChar = 1,   // tchar (RFC 9110, 5.6.2)
  kTargetChar = 2,  // any character of a URI but '#' (RFC 3986, 2)
  kHostChar = 4,    // of a registered name or IPv4 address (RFC 3986, 3.2.2)
  kFieldChar = 8,   // field-vchar, SP, HTAB (RFC 9110, 5.5)
  kHexDigit = 16,
  kLiteralChar = 32,  // of an IP literal between its brackets
};

constexpr std::array<std::uint8_t, 256> make_classes() {
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kUnreservedMarks = "-._~";
  constexpr std::string_view kSubDelims = "!$&'()*+,;=";
  constexpr std::string_view kTargetMarks = ":/?[]@%";
  std::array<std::uint8_t, 256> table{};
  const auto add = [&](std::string_view text, unsigned classes) {
    for (const char c : text) table[static_cast<unsigned char>(c)] |= classes;
  };
  for (unsigned c = 0x20; c < 256; ++c) {
    if (c != 0x7f) table[c] |= kFieldChar;
  }
  table['\t'] |= kFieldChar;
  for (unsigned c = 0; c < 26; ++c) {
    table['a' + c] |= kTokenChar | kTargetChar | kHostChar | (c < 6 ? kHexDigit : 0);
    table['A' + c] |= kTokenChar | kTargetChar | kHostChar | (c < 6 ? kHexDigit : 0);
  }
  for (unsigned c = '0'; c <= '9'; ++c) {
    table[c] |= kTokenChar | kTargetChar | kHostChar | kHexDigit;
  }
  add(kTokenMarks, kTokenChar);
  add(kUnreservedMarks, kTargetChar | kHostChar);
  add(kSubDelims, kTargetChar | kHostChar);
  add(kTargetMarks, kTargetChar);
  add("%", kHostChar);
  for (auto& classes : table) {
    if ((classes & kHostChar) != 0) classes |= kLiteralChar;
  }
  add(":", kLiteralChar);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

constexpr bool is(char c, Class which) {
  return (kClasses[static_cast<unsigned char>(c)] & which) != 0;
}

// The same for kernels.
inline constexpr scan::AsciiClass kNameClass =
    scan::make_ascii_class([](char c) { return is(c, kTokenChar); });
inline constexpr scan::AsciiClass kTargetClass =
    scan::make_ascii_class([](char c) { return is(c, kTargetChar); });

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// First character in [at, end) that is not of the class.
inline const char* skip(const char* at, const char* end, Class which) {
  while (at < end && is(*at, which)) ++at;
  return at;
}

// As the name says, of as many bytes as a Word has.
template <class Word>
bool same_word(const char* name, const char* lower) {
  Word a;
  Word b;
  std::memcpy(&a, name, sizeof a);
  std::memcpy(&b, lower, sizeof b);
  return (a | static_cast<Word>(0x2020202020202020U)) == b;
}

// ASCII only. `lower` is lower-case letters and '-'; `name` holds token characters only. A name of
// known length is compared in one or two words.
inline bool same_name(std::string_view name, std::string_view lower) {
  const std::size_t size = lower.size();
  if (name.size() != size) return false;
  if (size >= 8) {
    constexpr std::size_t kWord_bytes = 8;
    for (std::size_t i = 0; i + kWord_bytes <= size; i += kWord_bytes) {
      if (!same_word<std::uint64_t>(name.data() + i, lower.data() + i)) return false;
    }
    const std::size_t last = size - kWord_bytes;
    return same_word<std::uint64_t>(name.data() + last, lower.data() + last);
  }
  if (size >= 4) {
    return same_word<std::uint32_t>(name.data(), lower.data()) &&
           same_word<std::uint32_t>(name.data() + size - 4, lower.data() + size - 4);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if ((name[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

}  // namespace zyphos::http1
