// Split: where a path's segments begin and end, found 32 bytes at a time.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "route/pattern.h"

namespace zyphos::route {

inline constexpr std::uint32_t kSplit_bytes = 32;

// Segment i is what stands between slash i and slash i + 1.
struct Split {
  std::array<std::uint32_t, kSegments_max + 2 + kSplit_bytes> slash;
  std::uint32_t count;  // of segments; one more than the limit: there are more than that

  std::string_view segment(const char* path, std::uint32_t i) const {
    return {path + slash[i] + 1, slash[i + 1] - slash[i] - 1};
  }
};

// A bit for each of 32 bytes, the first one's lowest.
[[gnu::always_inline]] inline std::uint32_t slashes(const char* at) {
#if defined(__SSE2__)
  const __m128i slash = _mm_set1_epi8('/');
  const auto bits = [slash](const char* from) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, slash)));
  };
  return bits(at) | bits(at + 16) << 16;
#else
  std::uint32_t bits = 0;
  for (std::uint32_t i = 0; i < kSplit_bytes; ++i) bits |= std::uint32_t{at[i] == '/'} << i;
  return bits;
#endif
}

// Of a path that begins with a slash; the first `limit` segments and whether there are more.
[[gnu::always_inline]] inline void split_path(std::string_view path, std::uint32_t limit,
                                              Split& out) {
  const auto size = static_cast<std::uint32_t>(path.size());
  std::uint32_t found = 0;
  for (std::uint32_t base = 0; base < size && found <= limit; base += kSplit_bytes) {
    std::uint32_t bits = slashes(path.data() + base);
    if (size - base < kSplit_bytes) bits &= (1U << (size - base)) - 1;
    for (; bits != 0; bits &= bits - 1) {
      out.slash[found++] = base + static_cast<std::uint32_t>(std::countr_zero(bits));
    }
  }
  if (found <= limit + 1) out.slash[found] = size;
  out.count = found <= limit ? found : limit + 1;
}

}  // namespace zyphos::route
