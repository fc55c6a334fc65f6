// What looks at many characters at a time, where the machine has wide registers for sure (SSE2),
// and what does the same elsewhere.
//
// They may load up to 16 bytes behind the end (kReadPadding); those never decide anything.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "protocol/http1/grammar.h"

namespace zyphos::http1 {

// Eight at a time, on any machine.
inline const char* skip_field_text_by_8(const char* at, const char* end) {
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

#if defined(__SSE2__)

// Sixteen characters of which each is compared by itself; a lane that holds is 0xff.
class Lanes {
 public:
  explicit Lanes(const char* at) : text_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))) {}

  Lanes lower() const { return Lanes(_mm_or_si128(text_, _mm_set1_epi8(0x20))); }
  Lanes is(char c) const { return Lanes(_mm_cmpeq_epi8(text_, _mm_set1_epi8(c))); }
  // From `first` to `last`, as unsigned bytes.
  Lanes within(char first, char last) const {
    const __m128i above = _mm_sub_epi8(text_, _mm_set1_epi8(first));
    const __m128i width = _mm_set1_epi8(static_cast<char>(last - first));
    return Lanes(_mm_cmpeq_epi8(_mm_min_epu8(above, width), above));
  }
  friend Lanes operator|(Lanes a, Lanes b) { return Lanes(_mm_or_si128(a.text_, b.text_)); }
  // One bit for each lane that holds.
  unsigned holds() const { return static_cast<unsigned>(_mm_movemask_epi8(text_)); }

 private:
  explicit Lanes(__m128i text) : text_(text) {}

  __m128i text_;
};

inline const char* skip_field_text_by_16(const char* at, const char* end) {
  while (at < end) {
    const Lanes text(at);
    const unsigned stops = (text.within('\0', '\x1f') | text.is('\x7f')).holds();
    if (stops == 0) {
      at += 16;
      continue;
    }
    at += std::countr_zero(stops);
    if (at >= end) return end;
    if (*at != '\t') return at;
    ++at;
  }
  return end;
}

// Is it a name or an IPv4 address, perhaps with a port?
inline bool is_plain_host_by_16(std::string_view host) {
  for (std::size_t at = 0; at < host.size(); at += 16) {
    const Lanes text(host.data() + at);
    const Lanes digits = text.within('0', '9');
    const Lanes marks = text.is('-') | text.is('.');
    const std::size_t left = host.size() - at;
    const unsigned all = left >= 16 ? 0xffffU : (1U << left) - 1;
    const unsigned others = ~(text.lower().within('a', 'z') | digits | marks).holds() & all;
    if (others == 0) continue;
    const unsigned first = others & -others;
    const unsigned behind = all & ~(first | (first - 1));
    if ((text.is(':').holds() & first) == 0 || (~digits.holds() & behind) != 0) return false;
    return left <= 16 || std::ranges::all_of(host.substr(at + 16), is_digit);
  }
  return true;
}

#endif

// First character in [at, end) that no field value may hold, CR among them.
inline const char* skip_field_text(const char* at, const char* end) {
#if defined(__SSE2__)
  return skip_field_text_by_16(at, end);
#else
  return skip_field_text_by_8(at, end);
#endif
}

// Most hosts are plain; of others it is false, and they are to be read.
inline bool is_plain_host([[maybe_unused]] std::string_view host) {
#if defined(__SSE2__)
  return is_plain_host_by_16(host);
#else
  return false;
#endif
}

}  // namespace zyphos::http1
