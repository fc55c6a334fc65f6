// The kernel on AVX-512 (F and BW): 64 characters at a time, a comparison's result being the bits.
#include "scan/kernel_parts.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <bit>

#define ZY_AVX512 [[gnu::target("avx512f,avx512bw,bmi")]]
#define ZY_AVX512_INLINE [[gnu::target("avx512f,avx512bw,bmi"), gnu::always_inline]] inline

namespace zyphos::scan {
namespace {

constexpr std::size_t kWidth_bytes = 64;
using Vector = __m512i;
// Broadcasts take all lanes: without a mask, GCC 12's header warns of itself.
constexpr __mmask16 kAll = 0xffff;

ZY_AVX512_INLINE Vector load(const char* at) { return _mm512_loadu_si512(at); }

// All four quarters of a register shuffle for themselves: each needs the rows.
ZY_AVX512_INLINE Vector rows_of(const AsciiClass& which) {
  return _mm512_maskz_broadcast_i32x4(
      kAll, _mm_load_si128(reinterpret_cast<const __m128i*>(which.rows.data())));
}

// For each character the bit that its high half has in a row; none from 0x80 on.
ZY_AVX512_INLINE Vector column(Vector text) {
  const Vector columns = _mm512_maskz_broadcast_i32x4(
      kAll, _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
  const Vector high = _mm512_and_si512(_mm512_srli_epi16(text, 4), _mm512_set1_epi8(0x0f));
  return _mm512_shuffle_epi8(columns, high);
}

ZY_AVX512_INLINE std::uint64_t outside(Vector text, Vector column, Vector rows) {
  return _mm512_testn_epi8_mask(_mm512_shuffle_epi8(rows, text), column);
}

// Controls but HTAB, and DEL.
ZY_AVX512_INLINE std::uint64_t not_text(Vector text) {
  const std::uint64_t low = _mm512_cmplt_epu8_mask(text, _mm512_set1_epi8(0x20));
  const std::uint64_t tab = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8('\t'));
  const std::uint64_t del = _mm512_cmpeq_epi8_mask(text, _mm512_set1_epi8(0x7f));
  return (low & ~tab) | del;
}

ZY_AVX512 const char* find(const char* at, const char* end, char wanted) {
  const Vector same = _mm512_set1_epi8(wanted);
  for (; at < end; at += kWidth_bytes) {
    const std::uint64_t hits = _mm512_cmpeq_epi8_mask(load(at), same);
    if (hits != 0) return std::min(at + std::countr_zero(hits), end);
  }
  return end;
}

ZY_AVX512 const char* skip(const char* at, const char* end, const AsciiClass& which) {
  const Vector rows = rows_of(which);
  for (; at < end; at += kWidth_bytes) {
    const Vector text = load(at);
    const std::uint64_t stops = outside(text, column(text), rows);
    if (stops != 0) return std::min(at + std::countr_zero(stops), end);
  }
  return end;
}

ZY_AVX512 const char* skip_text(const char* at, const char* end) {
  for (; at < end; at += kWidth_bytes) {
    const std::uint64_t stops = not_text(load(at));
    if (stops != 0) return std::min(at + std::countr_zero(stops), end);
  }
  return end;
}

ZY_AVX512 void mark(const char* at, std::size_t blocks, const AsciiClass& names,
                    const AsciiClass& targets, Marks* out) {
  const Vector name_rows = rows_of(names);
  const Vector target_rows = rows_of(targets);
  for (std::size_t i = 0; i < blocks; ++i, at += kBlock_bytes) {
    const Vector text = load(at);
    const Vector columns = column(text);
    out[i].not_text = not_text(text);
    out[i].not_name = outside(text, columns, name_rows);
    out[i].not_target = outside(text, columns, target_rows);
  }
}

std::string lack() {
  const bool has = __builtin_cpu_supports("avx512f") != 0 &&
                   __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("bmi") != 0;
  return has ? "" : "the processor has no AVX-512 with BW";
}

}  // namespace

const Kernel kAvx512Kernel{.name = "avx512",
                           .width_bytes = kWidth_bytes,
                           .find = find,
                           .skip = skip,
                           .skip_text = skip_text,
                           .mark = mark,
                           .lack = lack};

}  // namespace zyphos::scan

#endif
