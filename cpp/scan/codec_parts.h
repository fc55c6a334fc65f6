// The codecs, each in a file of its own, and what the wide ones leave to the scalar one.
#pragma once

#include <array>
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

}  // namespace zyphos::scan
