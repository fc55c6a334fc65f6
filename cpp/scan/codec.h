// Codec: what changes or judges many bytes at a time: WebSocket's masking, UTF-8, base64, percent
// escapes. As with Kernel (kernel.h) there is one for each instruction set that pays, all of them
// say the same, and which of them a machine has is asked at run time.
//
// kReadPadding readable bytes follow every input (base/bytes.h); they never decide anything and are
// never written. Thread safety: codecs are constant. Nothing here allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace zyphos::scan {

inline constexpr std::size_t kRefused = static_cast<std::size_t>(-1);

// Of so many bytes in base64, padding included.
constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

struct Codec {
  std::string_view name;

  // XORs each byte with the key's of its place (RFC 6455, 5.3): `key` holds its four bytes as they
  // lie in memory, of which the first belongs to data[0]. Who masks a payload in pieces turns it.
  void (*mask)(std::byte* data, std::size_t size, std::uint32_t key) = nullptr;

  // Whether the text is UTF-8 (RFC 3629): shortest forms alone, no surrogates, whole to its end.
  bool (*is_utf8)(const char* text, std::size_t size) = nullptr;

  // Writes base64_size(size) characters (RFC 4648, 4), with padding; returns their number.
  std::size_t (*base64_encode)(const std::byte* data, std::size_t size, char* out) = nullptr;

  // Writes at most size / 4 * 3 bytes, for which there is room, and returns how many they are;
  // kRefused for whatever no encoder writes: a length that is no multiple of four, a foreign
  // character, padding anywhere but at the end, bits that are not zero under it. What is in `out`
  // then is anything.
  std::size_t (*base64_decode)(const char* text, std::size_t size, std::byte* out) = nullptr;

  // Writes at most `size` bytes and returns how many they are: each %XX as the byte that it says
  // (RFC 3986, 2.1), all else as it is; kRefused for a '%' without two hexadecimal digits. They
  // must not overlap, and `out` has room for `size`, which may be written to.
  std::size_t (*percent_decode)(const char* text, std::size_t size, char* out) = nullptr;

  // Why it can't run here; empty: it can.
  std::string (*lack)() = nullptr;
};

// All that were built for this processor's kind: scalar, which runs everywhere, and avx2.
std::span<const Codec> codecs();
// The widest that can run here.
const Codec& best_codec();

}  // namespace zyphos::scan
