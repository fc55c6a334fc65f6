// The codec on AVX2: 32 bytes at a time, and the rest by the scalar one. UTF-8 is judged as Keiser
// and Lemire do (Validating UTF-8 in less than one instruction per byte, 2021), base64 made and
// read as Mula and Lemire do (Faster base64 encoding and decoding using AVX2 instructions, 2018).
#include "scan/codec_parts.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <bit>
#include <cstring>

#define ZY_AVX2 [[gnu::target("avx2,bmi")]]
#define ZY_AVX2_INLINE [[gnu::target("avx2,bmi"), gnu::always_inline]] inline

namespace zyphos::scan {
namespace {

constexpr std::size_t kWidth_bytes = 32;
using Vector = __m256i;

ZY_AVX2_INLINE Vector load(const void* at) {
  return _mm256_loadu_si256(static_cast<const Vector*>(at));
}

ZY_AVX2_INLINE void store(void* at, Vector bytes) {
  _mm256_storeu_si256(static_cast<Vector*>(at), bytes);
}

// A table of 16, in both halves: each shuffles for itself.
ZY_AVX2_INLINE Vector table(const std::array<std::uint8_t, 16>& rows) {
  return _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows.data())));
}

ZY_AVX2_INLINE Vector all(unsigned byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }

ZY_AVX2_INLINE Vector high_half(Vector bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), all(0x0f));
}

// --- masking

ZY_AVX2 void mask(std::byte* data, std::size_t size, std::uint32_t key) {
  const Vector keys = _mm256_set1_epi32(static_cast<int>(key));
  std::size_t i = 0;
  for (; i + kWidth_bytes <= size; i += kWidth_bytes) {
    store(data + i, _mm256_xor_si256(load(data + i), keys));
  }
  kScalarCodec.mask(data + i, size - i, key);
}

// --- UTF-8

// What may be wrong with two bytes that follow each other. Each is found where the first byte's
// halves and the second one's upper half all allow for it.
constexpr std::uint8_t kTooShort = 1;       // a first byte, and no continuation
constexpr std::uint8_t kTooLong = 2;        // ASCII, and a continuation
constexpr std::uint8_t kOverlong3 = 4;      // 11100000 100_____
constexpr std::uint8_t kTooLarge = 8;       // 11110100 101_____, and above
constexpr std::uint8_t kSurrogate = 16;     // 11101101 101_____
constexpr std::uint8_t kOverlong2 = 32;     // 1100000_ 10______
constexpr std::uint8_t kTooLarge1000 = 64;  // 11110101 1000____, and above
constexpr std::uint8_t kOverlong4 = 64;     // 11110000 1000____
constexpr std::uint8_t kTwoContinue = 128;  // two continuations: right where one is a third byte
constexpr std::uint8_t kAnyLow = kTooShort | kTooLong | kTwoContinue;
constexpr std::uint8_t kLarge = kAnyLow | kTooLarge | kTooLarge1000;

constexpr std::array<std::uint8_t, 16> kFirstHigh = {
    kTooLong,
    kTooLong,
    kTooLong,
    kTooLong,
    kTooLong,
    kTooLong,
    kTooLong,
    kTooLong,
    kTwoContinue,
    kTwoContinue,
    kTwoContinue,
    kTwoContinue,
    kTooShort | kOverlong2,
    kTooShort,
    kTooShort | kOverlong3 | kSurrogate,
    kTooShort | kTooLarge | kTooLarge1000 | kOverlong4};
constexpr std::array<std::uint8_t, 16> kFirstLow = {kAnyLow | kOverlong3 | kOverlong2 | kOverlong4,
                                                    kAnyLow | kOverlong2,
                                                    kAnyLow,
                                                    kAnyLow,
                                                    kAnyLow | kTooLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge,
                                                    kLarge | kSurrogate,
                                                    kLarge,
                                                    kLarge};
constexpr std::uint8_t kContinues = kTooLong | kOverlong2 | kTwoContinue;
constexpr std::array<std::uint8_t, 16> kSecondHigh = {
    kTooShort,
    kTooShort,
    kTooShort,
    kTooShort,
    kTooShort,
    kTooShort,
    kTooShort,
    kTooShort,
    kContinues | kOverlong3 | kTooLarge1000 | kOverlong4,
    kContinues | kOverlong3 | kTooLarge,
    kContinues | kSurrogate | kTooLarge,
    kContinues | kSurrogate | kTooLarge,
    kTooShort,
    kTooShort,
    kTooShort,
    kTooShort};

// The bytes that stand so many places before each.
template <int kPlaces>
ZY_AVX2_INLINE Vector before(Vector bytes, Vector last) {
  const Vector across = _mm256_permute2x128_si256(last, bytes, 0x21);
  return _mm256_alignr_epi8(bytes, across, 16 - kPlaces);
}

// Not zero where something is wrong.
ZY_AVX2_INLINE Vector wrong(Vector bytes, Vector last) {
  const Vector first = before<1>(bytes, last);
  const Vector low = _mm256_and_si256(first, all(0x0f));
  const Vector pairs =
      _mm256_and_si256(_mm256_and_si256(_mm256_shuffle_epi8(table(kFirstHigh), high_half(first)),
                                        _mm256_shuffle_epi8(table(kFirstLow), low)),
                       _mm256_shuffle_epi8(table(kSecondHigh), high_half(bytes)));
  // Bytes that must be the second of two continuations: two behind 111_____, three behind 1111____.
  const Vector third = _mm256_subs_epu8(before<2>(bytes, last), all(0xe0 - 0x80));
  const Vector fourth = _mm256_subs_epu8(before<3>(bytes, last), all(0xf0 - 0x80));
  const Vector must = _mm256_and_si256(_mm256_or_si256(third, fourth), all(0x80));
  return _mm256_xor_si256(must, pairs);
}

ZY_AVX2 bool is_utf8(const char* text, std::size_t size) {
  Vector errors = _mm256_setzero_si256();
  Vector last = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + kWidth_bytes <= size; i += kWidth_bytes) {
    const Vector bytes = load(text + i);
    // ASCII behind ASCII has nothing to be looked at.
    if (_mm256_movemask_epi8(_mm256_or_si256(bytes, last)) != 0) {
      errors = _mm256_or_si256(errors, wrong(bytes, last));
    }
    last = bytes;
  }
  // Zeros behind the end: what is cut off there is too short.
  std::array<char, kWidth_bytes> rest{};
  std::memcpy(rest.data(), text + i, size - i);
  errors = _mm256_or_si256(errors, wrong(load(rest.data()), last));
  return _mm256_testz_si256(errors, errors) != 0;
}

// --- base64

// 24 bytes to 32 values of 6 bits.
ZY_AVX2_INLINE Vector spread(const std::byte* at) {
  const auto half = [](const std::byte* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  const Vector bytes =
      _mm256_shuffle_epi8(_mm256_set_m128i(half(at + 12), half(at)),
                          table({1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10}));
  const Vector odd = _mm256_mulhi_epu16(_mm256_and_si256(bytes, _mm256_set1_epi32(0x0fc0fc00)),
                                        _mm256_set1_epi32(0x04000040));
  const Vector even = _mm256_mullo_epi16(_mm256_and_si256(bytes, _mm256_set1_epi32(0x003f03f0)),
                                         _mm256_set1_epi32(0x01000010));
  return _mm256_or_si256(odd, even);
}

ZY_AVX2 std::size_t base64_encode(const std::byte* data, std::size_t size, char* out) {
  char* const begin = out;
  std::size_t i = 0;
  // By a value's kind what makes a character of it: 0 a-z, 1 to 10 digits, 11 +, 12 /, 13 A-Z.
  const Vector shifts =
      table({'a' - 26, 252, 252, 252, 252, 252, 252, 252, 252, 252, 252,
             static_cast<std::uint8_t>('+' - 62), static_cast<std::uint8_t>('/' - 63), 'A', 0, 0});
  for (; i + 24 <= size; i += 24, out += kWidth_bytes) {
    const Vector values = spread(data + i);
    const Vector upper = _mm256_cmpgt_epi8(all(26), values);
    const Vector kinds =
        _mm256_or_si256(_mm256_subs_epu8(values, all(51)), _mm256_and_si256(upper, all(13)));
    store(out, _mm256_add_epi8(values, _mm256_shuffle_epi8(shifts, kinds)));
  }
  return static_cast<std::size_t>(out - begin) +
         kScalarCodec.base64_encode(data + i, size - i, out);
}

// By a character's lower and upper half: no bit in common where it is of the alphabet.
constexpr std::array<std::uint8_t, 16> kForeignLow = {
    0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a};
constexpr std::array<std::uint8_t, 16> kForeignHigh = {
    0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10};
// By its upper half, less one for '/': what makes a value of it (191: -65, 185: -71).
constexpr std::array<std::uint8_t, 16> kRoll = {0, 16, 19, 4, 191, 191, 185, 185};

// 32 values of 6 bits to 24 bytes, and eight more that mean nothing.
ZY_AVX2_INLINE Vector pack(Vector values) {
  const Vector pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
  const Vector fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
  const Vector bytes = _mm256_shuffle_epi8(
      fours, table({2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 128, 128, 128, 128}));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
}

ZY_AVX2 std::size_t base64_decode(const char* text, std::size_t size, std::byte* out) {
  std::size_t i = 0;
  std::size_t made = 0;
  // As long as eight bytes more fit behind the 24, and what is left ends as it must.
  for (; i + kWidth_bytes + 16 <= size; i += kWidth_bytes, made += 24) {
    const Vector characters = load(text + i);
    const Vector high = high_half(characters);
    const Vector low = _mm256_and_si256(characters, all(0x0f));
    const Vector foreign = _mm256_and_si256(_mm256_shuffle_epi8(table(kForeignLow), low),
                                            _mm256_shuffle_epi8(table(kForeignHigh), high));
    if (_mm256_testz_si256(foreign, foreign) == 0) return kRefused;
    const Vector slash = _mm256_cmpeq_epi8(characters, all('/'));
    const Vector roll = _mm256_shuffle_epi8(table(kRoll), _mm256_add_epi8(slash, high));
    store(out + made, pack(_mm256_add_epi8(characters, roll)));
  }
  const std::size_t rest = kScalarCodec.base64_decode(text + i, size - i, out + made);
  return rest == kRefused ? kRefused : made + rest;
}

// --- percent escapes

bool more_than_two(std::uint32_t bits) {
  bits &= bits - 1;
  return (bits & (bits - 1)) != 0;
}

// What lies before an escape in 32 bytes is taken at once. 32 are written where fewer are meant:
// the rest is written again, and there is room, because what was made is never more than was read.
ZY_AVX2 std::size_t percent_decode(const char* text, std::size_t size, char* out) {
  char* const begin = out;
  std::size_t i = 0;
  unsigned bad = 0;
  while (i + kWidth_bytes + 2 <= size) {
    const Vector bytes = load(text + i);
    const auto escapes =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, all('%'))));
    if (more_than_two(escapes)) {  // a jump to each would cost more than all the steps
      for (const std::size_t end = i + kWidth_bytes; i < end;) {
        i += percent_step(text + i, out++, bad);
      }
      continue;
    }
    const auto plain = static_cast<std::size_t>(std::countr_zero(escapes));
    store(out, bytes);
    if (plain == kWidth_bytes) {
      i += kWidth_bytes;
      out += kWidth_bytes;
      continue;
    }
    const unsigned high = kHex[static_cast<unsigned char>(text[i + plain + 1])];
    const unsigned low = kHex[static_cast<unsigned char>(text[i + plain + 2])];
    bad |= (high | low) & kNotHex;
    out[plain] = static_cast<char>(high << 4 | low);
    out += plain + 1;
    i += plain + 3;
  }
  const std::size_t rest = kScalarCodec.percent_decode(text + i, size - i, out);
  if (bad != 0 || rest == kRefused) return kRefused;
  return static_cast<std::size_t>(out - begin) + rest;
}

std::string lack() {
  const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0;
  return has ? "" : "the processor has no AVX2";
}

}  // namespace

const Codec kAvx2Codec{.name = "avx2",
                       .mask = mask,
                       .is_utf8 = is_utf8,
                       .base64_encode = base64_encode,
                       .base64_decode = base64_decode,
                       .percent_decode = percent_decode,
                       .lack = lack};

}  // namespace zyphos::scan

#endif
