// The kernel on SSE4.2: 16 characters at a time.
#include "scan/kernel_parts.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <bit>

#define ZY_SSE42 [[gnu::target("sse4.2")]]
#define ZY_SSE42_INLINE [[gnu::target("sse4.2"), gnu::always_inline]] inline

namespace zyphos::scan {
namespace {

constexpr std::size_t kWidth_bytes = 16;
using Vector = __m128i;

ZY_SSE42_INLINE Vector load(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const Vector*>(at));
}

ZY_SSE42_INLINE std::uint32_t bits(Vector lanes) {
  return static_cast<std::uint32_t>(_mm_movemask_epi8(lanes));
}

ZY_SSE42_INLINE Vector rows_of(const AsciiClass& which) {
  return _mm_load_si128(reinterpret_cast<const Vector*>(which.rows.data()));
}

// For each character the bit that its high half has in a row; none from 0x80 on.
ZY_SSE42_INLINE Vector column(Vector text) {
  const Vector columns = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
  const Vector high = _mm_and_si128(_mm_srli_epi16(text, 4), _mm_set1_epi8(0x0f));
  return _mm_shuffle_epi8(columns, high);
}

ZY_SSE42_INLINE std::uint32_t outside(Vector text, Vector column, Vector rows) {
  const Vector both = _mm_and_si128(_mm_shuffle_epi8(rows, text), column);
  return bits(_mm_cmpeq_epi8(both, _mm_setzero_si128()));
}

// Controls but HTAB, and DEL.
ZY_SSE42_INLINE std::uint32_t not_text(Vector text) {
  const Vector low = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
  const Vector tab = _mm_cmpeq_epi8(text, _mm_set1_epi8('\t'));
  const Vector del = _mm_cmpeq_epi8(text, _mm_set1_epi8(0x7f));
  return bits(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

ZY_SSE42 const char* find(const char* at, const char* end, char wanted) {
  const Vector all = _mm_set1_epi8(wanted);
  for (; at < end; at += kWidth_bytes) {
    const std::uint32_t hits = bits(_mm_cmpeq_epi8(load(at), all));
    if (hits != 0) return std::min(at + std::countr_zero(hits), end);
  }
  return end;
}

ZY_SSE42 const char* skip(const char* at, const char* end, const AsciiClass& which) {
  const Vector rows = rows_of(which);
  for (; at < end; at += kWidth_bytes) {
    const Vector text = load(at);
    const std::uint32_t stops = outside(text, column(text), rows);
    if (stops != 0) return std::min(at + std::countr_zero(stops), end);
  }
  return end;
}

ZY_SSE42 const char* skip_text(const char* at, const char* end) {
  for (; at < end; at += kWidth_bytes) {
    const std::uint32_t stops = not_text(load(at));
    if (stops != 0) return std::min(at + std::countr_zero(stops), end);
  }
  return end;
}

ZY_SSE42 void mark(const char* at, std::size_t blocks, const AsciiClass& names,
                   const AsciiClass& targets, Marks* out) {
  const Vector name_rows = rows_of(names);
  const Vector target_rows = rows_of(targets);
  for (std::size_t i = 0; i < blocks; ++i) {
    Marks marks{};
    for (std::size_t bit = 0; bit < kBlock_bytes; bit += kWidth_bytes, at += kWidth_bytes) {
      const Vector text = load(at);
      const Vector columns = column(text);
      marks.not_text |= std::uint64_t{not_text(text)} << bit;
      marks.not_name |= std::uint64_t{outside(text, columns, name_rows)} << bit;
      marks.not_target |= std::uint64_t{outside(text, columns, target_rows)} << bit;
    }
    out[i] = marks;
  }
}

std::string lack() {
  return __builtin_cpu_supports("sse4.2") != 0 ? "" : "the processor has no SSE4.2";
}

}  // namespace

const Kernel kSse42Kernel{.name = "sse4.2",
                          .width_bytes = kWidth_bytes,
                          .find = find,
                          .skip = skip,
                          .skip_text = skip_text,
                          .mark = mark,
                          .lack = lack};

}  // namespace zyphos::scan

#endif
