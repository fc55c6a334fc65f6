// The codecs, each in a file of its own, and what the wide ones leave to the scalar one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "scan/codec.h"

namespace zyphos::scan {

extern const Codec kScalarCodec;
#if defined(__x86_64__)
extern const Codec kAvx2Codec;
#endif

inline constexpr std::uint8_t kNotHex = 0xf0;

// By character: what a hexadecimal digit is worth, or kNotHex.
constexpr std::array<std::uint8_t, 256> make_hex() {
  std::array<std::uint8_t, 256> hex{};
  for (unsigned c = 0; c < 256; ++c) {
    unsigned worth = kNotHex;
    if (c >= '0' && c <= '9') worth = c - '0';
    if (c >= 'a' && c <= 'f') worth = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') worth = c - 'A' + 10;
    hex[c] = static_cast<std::uint8_t>(worth);
  }
  return hex;
}
inline constexpr std::array<std::uint8_t, 256> kHex = make_hex();

// One character of a percent-encoded text to `out`; how many bytes of the text it took. What is not
// hexadecimal stays in `bad`. No branch depends on what the text says: a '%' alone changes how far
// a step goes. Two characters behind it are read in any case.
[[gnu::always_inline]] inline std::size_t percent_step(const char* text, char* out, unsigned& bad) {
  const unsigned high = kHex[static_cast<unsigned char>(text[1])];
  const unsigned low = kHex[static_cast<unsigned char>(text[2])];
  const unsigned escape = *text == '%' ? 1 : 0;
  bad |= (high | low) & kNotHex & (0U - escape);
  *out = static_cast<char>(escape != 0 ? high << 4 | low : static_cast<unsigned char>(*text));
  return 1 + std::size_t{2} * escape;
}

}  // namespace zyphos::scan
