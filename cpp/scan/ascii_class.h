// AsciiClass: a set of ASCII characters, in the form in which a byte shuffle looks up many at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace zyphos::scan {

struct AsciiClass {
  // By a character's low half: bit h is set when it belongs together with the high half h, which
  // is 0 to 7. Bytes from 0x80 on never belong.
  alignas(16) std::array<std::uint8_t, 16> rows{};

  constexpr bool has(char c) const {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && (rows[byte & 0x0f] >> (byte >> 4) & 1) != 0;
  }
};

// Of all ASCII characters for which `belongs(char)` is true.
template <class Belongs>
constexpr AsciiClass make_ascii_class(Belongs belongs) {
  AsciiClass made;
  for (unsigned c = 0; c < 0x80; ++c) {
    if (!belongs(static_cast<char>(c))) continue;
    auto& row = made.rows[c & 0x0f];
    row = static_cast<std::uint8_t>(row | 1U << (c >> 4));
  }
  return made;
}

}  // namespace zyphos::scan
