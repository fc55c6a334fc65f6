// Views of memory. Every protocol reads from `Bytes` and writes through an Outbox; nothing here
// owns.
#pragma once

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

}  // namespace zyphos
