// The kernel on AVX2: 32 characters at a time.
#include "scan/kernel_parts.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <bit>

#define ZY_AVX2 [[gnu::target("avx2,bmi")]]
#define ZY_AVX2_INLINE [[gnu::target("avx2,bmi"), gnu::always_inline]] inline

namespace zyphos::scan {
namespace {

constexpr std::size_t kWidth_bytes = 32;
using Vector = __m256i;

ZY_AVX2_INLINE Vector load(const char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const Vector*>(at));
}

ZY_AVX2_INLINE std::uint32_t bits(Vector lanes) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(lanes));
}

// Both halves of a register shuffle for themselves: each needs the rows.
ZY_AVX2_INLINE Vector rows_of(const AsciiClass& which) {
  return _mm256_broadcastsi128_si256(
      _mm_load_si128(reinterpret_cast<const __m128i*>(which.rows.data())));
}

// For each character the bit that its high half has in a row; none from 0x80 on.
ZY_AVX2_INLINE Vector column(Vector text) {
  const Vector columns = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0));
  const Vector high = _mm256_and_si256(_mm256_srli_epi16(text, 4), _mm256_set1_epi8(0x0f));
  return _mm256_shuffle_epi8(columns, high);
}

ZY_AVX2_INLINE std::uint32_t outside(Vector text, Vector column, Vector rows) {
  const Vector both = _mm256_and_si256(_mm256_shuffle_epi8(rows, text), column);
  return bits(_mm256_cmpeq_epi8(both, _mm256_setzero_si256()));
}

// Controls but HTAB, and DEL.
ZY_AVX2_INLINE std::uint32_t not_text(Vector text) {
  const Vector low = _mm256_cmpeq_epi8(_mm256_min_epu8(text, _mm256_set1_epi8(0x1f)), text);
  const Vector tab = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('\t'));
  const Vector del = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(0x7f));
  return bits(_mm256_or_si256(_mm256_andnot_si256(tab, low), del));
}

ZY_AVX2 const char* find(const char* at, const char* end, char wanted) {
  const Vector all = _mm256_set1_epi8(wanted);
  for (; at < end; at += kWidth_bytes) {
    const std::uint32_t hits = bits(_mm256_cmpeq_epi8(load(at), all));
    if (hits != 0) return std::min(at + std::countr_zero(hits), end);
  }
  return end;
}

ZY_AVX2 const char* skip(const char* at, const char* end, const AsciiClass& which) {
  const Vector rows = rows_of(which);
  for (; at < end; at += kWidth_bytes) {
    const Vector text = load(at);
    const std::uint32_t stops = outside(text, column(text), rows);
    if (stops != 0) return std::min(at + std::countr_zero(stops), end);
  }
  return end;
}

ZY_AVX2 const char* skip_text(const char* at, const char* end) {
  for (; at < end; at += kWidth_bytes) {
    const std::uint32_t stops = not_text(load(at));
    if (stops != 0) return std::min(at + std::countr_zero(stops), end);
  }
  return end;
}

ZY_AVX2 void mark(const char* at, std::size_t blocks, const AsciiClass& names,
                  const AsciiClass& targets, Marks* out) {
  const Vector name_rows = rows_of(names);
  const Vector target_rows = rows_of(targets);
  const auto join = [](std::uint32_t low, std::uint32_t high) {
    return low | static_cast<std::uint64_t>(high) << 32;
  };
  for (std::size_t i = 0; i < blocks; ++i, at += kBlock_bytes) {
    const Vector a = load(at);
    const Vector b = load(at + kWidth_bytes);
    const Vector of_a = column(a);
    const Vector of_b = column(b);
    out[i].not_text = join(not_text(a), not_text(b));
    out[i].not_name = join(outside(a, of_a, name_rows), outside(b, of_b, name_rows));
    out[i].not_target = join(outside(a, of_a, target_rows), outside(b, of_b, target_rows));
  }
}

std::string lack() {
  const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0;
  return has ? "" : "the processor has no AVX2";
}

}  // namespace

const Kernel kAvx2Kernel{.name = "avx2",
                         .width_bytes = kWidth_bytes,
                         .find = find,
                         .skip = skip,
                         .skip_text = skip_text,
                         .mark = mark,
                         .lack = lack};

}  // namespace zyphos::scan

#endif
