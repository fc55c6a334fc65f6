// Views of memory. Every protocol reads from `Bytes` and writes through an Outbox; nothing here
// owns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace zyphos {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

// Bytes readable behind every input that a Connection is shown (DESIGN.md, seam rule 2): SIMD code
// may load past the end, never store and never let those bytes decide anything.
inline constexpr std::size_t kReadPadding = 64;

inline std::string_view as_text(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline ConstBytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// The first and the last bytes of so many, in pieces of one size that may overlap.
template <std::size_t kPiece_bytes>
inline void copy_ends(std::byte* to, const std::byte* from, std::size_t n) {
  std::array<std::byte, kPiece_bytes> first;
  std::array<std::byte, kPiece_bytes> last;
  std::memcpy(first.data(), from, kPiece_bytes);
  std::memcpy(last.data(), from + n - kPiece_bytes, kPiece_bytes);
  std::memcpy(to, first.data(), kPiece_bytes);
  std::memcpy(to + n - kPiece_bytes, last.data(), kPiece_bytes);
}

// memcpy for what is mostly short (names and values of fields): no call up to 32 bytes.
inline void copy_short(std::byte* to, const std::byte* from, std::size_t n) {
  if (n > 32) {
    std::memcpy(to, from, n);
  } else if (n >= 16) {
    copy_ends<16>(to, from, n);
  } else if (n >= 8) {
    copy_ends<8>(to, from, n);
  } else if (n >= 4) {
    copy_ends<4>(to, from, n);
  } else if (n > 0) {
    to[0] = from[0];
    to[n / 2] = from[n / 2];
    to[n - 1] = from[n - 1];
  }
}

}  // namespace zyphos
