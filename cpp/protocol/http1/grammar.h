// Character classes of RFC 9110, 9112 and 3986 as one table, and the loops that skip over them.
//
// The loops may load up to 8 bytes behind the end (kReadPadding); those never decide anything.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

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

inline bool is(char c, Class which) {
  return (kClasses[static_cast<unsigned char>(c)] & which) != 0;
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// First character in [at, end) that is not of the class.
inline const char* skip(const char* at, const char* end, Class which) {
  while (at < end && is(*at, which)) ++at;
  return at;
}

// First character in [at, end) that no field value may hold, CR among them: eight at a time.
inline const char* skip_field_text(const char* at, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = 0x8080808080808080U;
  while (at < end) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
    // The lowest set bit marks the first byte that is a control (< 0x20) or DEL; higher ones may be
    // carries.
    const std::uint64_t control = (word - kOnes * 0x20) & ~word;
    const std::uint64_t del = (word ^ (kOnes * 0x7f)) - kOnes;
    const std::uint64_t hits = (control | (del & ~(word ^ (kOnes * 0x7f)))) & kHighs;
    if (hits == 0) {
      at += 8;
      continue;
    }
    at += std::countr_zero(hits) / 8;
    if (at >= end) return end;
    if (*at != '\t') return at;
    ++at;
  }
  return end;
}

// ASCII only. `lower` is lower-case letters and '-'; `name` holds token characters only.
inline bool same_name(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((name[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

}  // namespace zyphos::http1
