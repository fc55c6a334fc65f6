// The codec that takes one byte after another: the rule by which the other is tested.
#include <cstring>

#include "scan/codec_parts.h"

namespace zyphos::scan {
namespace {

void mask(std::byte* data, std::size_t size, std::uint32_t key) {
  std::array<std::byte, sizeof key> bytes;
  std::memcpy(bytes.data(), &key, sizeof key);
  for (std::size_t i = 0; i < size; ++i) data[i] ^= bytes[i % sizeof key];
}

// How many bytes of continuation follow a first one, and what the first of them may be (RFC 3629,
// 4). `more` is none for ASCII; `low` above `high`: no character begins so.
struct First {
  std::size_t more;
  unsigned char low;
  unsigned char high;
};

First first_of(unsigned char byte) {
  if (byte < 0x80) return {0, 0, 0};
  if (byte < 0xc2) return {0, 1, 0};
  if (byte < 0xe0) return {1, 0x80, 0xbf};
  if (byte < 0xf0) {
    return {2, static_cast<unsigned char>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<unsigned char>(byte == 0xed ? 0x9f : 0xbf)};
  }
  if (byte > 0xf4) return {0, 1, 0};
  return {3, static_cast<unsigned char>(byte == 0xf0 ? 0x90 : 0x80),
          static_cast<unsigned char>(byte == 0xf4 ? 0x8f : 0xbf)};
}

bool is_utf8(const char* text, std::size_t size) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text);
  for (std::size_t i = 0; i < size;) {
    const First first = first_of(bytes[i++]);
    if (first.low > first.high || size - i < first.more) return false;
    if (first.more == 0) continue;
    if (bytes[i] < first.low || bytes[i] > first.high) return false;
    for (std::size_t k = 1; k < first.more; ++k) {
      if ((bytes[i + k] & 0xc0) != 0x80) return false;
    }
    i += first.more;
  }
  return true;
}

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kForeign = 1U << 24;  // beyond what four characters are worth

constexpr std::array<std::uint32_t, 256> make_worth() {
  std::array<std::uint32_t, 256> worth{};
  worth.fill(kForeign);
  for (std::uint32_t i = 0; i < kAlphabet.size(); ++i) {
    worth[static_cast<unsigned char>(kAlphabet[i])] = i;
  }
  return worth;
}
constexpr std::array<std::uint32_t, 256> kWorth = make_worth();

std::size_t base64_encode(const std::byte* data, std::size_t size, char* out) {
  const auto at = [data](std::size_t i) { return std::to_integer<std::uint32_t>(data[i]); };
  char* const begin = out;
  std::size_t i = 0;
  for (; i + 3 <= size; i += 3) {
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) *out++ = kAlphabet[bits >> shift & 63];
  }
  if (i == size) return static_cast<std::size_t>(out - begin);
  const std::uint32_t bits = at(i) << 16 | (i + 1 < size ? at(i + 1) << 8 : 0);
  *out++ = kAlphabet[bits >> 18];
  *out++ = kAlphabet[bits >> 12 & 63];
  *out++ = i + 1 < size ? kAlphabet[bits >> 6 & 63] : '=';
  *out++ = '=';
  return static_cast<std::size_t>(out - begin);
}

std::uint32_t worth_of(const char* text, std::size_t count) {
  std::uint32_t bits = 0;
  std::uint32_t foreign = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t worth = kWorth[static_cast<unsigned char>(text[i])];
    foreign |= worth & kForeign;
    bits |= (worth & 63) << (18 - 6 * i);
  }
  return bits | foreign;
}

// The last four characters, of which so many are padding; the end of what they make, or nothing.
std::byte* decode_padded(const char* text, std::size_t padding, std::byte* out) {
  const std::uint32_t bits = worth_of(text, 4 - padding);
  const std::uint32_t unused = padding == 1 ? 0xff : 0xffff;
  if (bits >= kForeign || (bits & unused) != 0) return nullptr;
  *out++ = std::byte(bits >> 16);
  if (padding == 1) *out++ = std::byte(bits >> 8 & 0xff);
  return out;
}

// Of a text of four characters or more.
std::size_t padding_of(const char* text, std::size_t size) {
  if (text[size - 1] != '=') return 0;
  return text[size - 2] == '=' ? 2 : 1;
}

std::size_t base64_decode(const char* text, std::size_t size, std::byte* out) {
  if (size % 4 != 0) return kRefused;
  if (size == 0) return 0;
  std::byte* const begin = out;
  const std::size_t padding = padding_of(text, size);
  const std::size_t whole = size - (padding > 0 ? 4 : 0);
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t bits = worth_of(text + i, 4);
    if (bits >= kForeign) return kRefused;
    for (int shift = 16; shift >= 0; shift -= 8) *out++ = std::byte(bits >> shift & 0xff);
  }
  if (padding > 0) out = decode_padded(text + whole, padding, out);
  return out == nullptr ? kRefused : static_cast<std::size_t>(out - begin);
}

std::size_t percent_decode(const char* text, std::size_t size, char* out) {
  char* const begin = out;
  std::size_t i = 0;
  unsigned bad = 0;
  while (i < size) i += percent_step(text + i, out++, bad);
  return bad != 0 || i > size ? kRefused : static_cast<std::size_t>(out - begin);
}

std::string lack() { return {}; }

}  // namespace

const Codec kScalarCodec{.name = "scalar",
                         .mask = mask,
                         .is_utf8 = is_utf8,
                         .base64_encode = base64_encode,
                         .base64_decode = base64_decode,
                         .percent_decode = percent_decode,
                         .lack = lack};

}  // namespace zyphos::scan
