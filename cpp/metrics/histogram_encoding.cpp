// HdrHistogram's V2 encoding, compressed: the format that the Java, C, Python, Go and Rust
// implementations exchange.
//
//   compressed: cookie 0x1c849314, length, zlib stream of
//   plain:      cookie 0x1c849313, payload length, normalizing offset, digits (4 bytes each),
//   lowest, highest (8 each),
//               conversion ratio (double), then ZigZag LEB128 counts from position 0; a negative
//               count is a run of zeros.
// All big-endian. An LEB128 has at most 9 bytes; the ninth carries 8 bits.
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <expected>
#include <string>
#include <vector>

#include "base/check.h"
#include "metrics/histogram.h"

namespace zyphos {
namespace {

constexpr std::uint32_t kCookie = 0x1c849313;
constexpr std::uint32_t kCompressedCookie = 0x1c849314;
constexpr std::size_t kHead_bytes = 40;
constexpr std::size_t kCompressedHead_bytes = 8;
constexpr int kLebBytes = 9;

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

std::uint64_t take(ConstBytes& in, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<std::uint8_t>(in[i]);
  in = in.subspan(bytes);
  return value;
}

void put_leb(std::string& out, std::int64_t number) {
  std::uint64_t value =
      static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
  for (int i = 1; i < kLebBytes && value >= 0x80; ++i) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

// Empty: the number is cut off.
std::expected<std::int64_t, std::string> take_leb(ConstBytes& in) {
  std::uint64_t value = 0;
  for (int i = 0; i < kLebBytes; ++i) {
    if (static_cast<std::size_t>(i) >= in.size()) return std::unexpected("a count is cut off");
    const auto byte = std::to_integer<std::uint64_t>(in[static_cast<std::size_t>(i)]);
    const bool last = i == kLebBytes - 1 || (byte & 0x80) == 0;
    value |= (i == kLebBytes - 1 ? byte : byte & 0x7f) << (7 * i);
    if (last) {
      in = in.subspan(static_cast<std::size_t>(i) + 1);
      return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
    }
  }
  return std::unexpected("a count is too long");
}

// Counts from position 0 to the last that is not zero.
std::string encode_counts(const Histogram& histogram) {
  std::string out;
  if (histogram.count() == 0) return out;
  const std::size_t last = Histogram::index(std::min(histogram.max_ns(), Histogram::kHighest_ns));
  for (std::size_t i = 0; i <= last;) {
    if (const std::uint64_t count = histogram.count_at(i); count != 0) {
      put_leb(out, static_cast<std::int64_t>(count));
      ++i;
      continue;
    }
    std::int64_t zeros = 0;
    for (; i <= last && histogram.count_at(i) == 0; ++i) ++zeros;
    put_leb(out, -zeros);
  }
  return out;
}

std::expected<std::string, std::string> inflate(ConstBytes compressed) {
  // No honest encoding is longer: every bucket with the longest count.
  std::string plain(kHead_bytes + Histogram::kBuckets * kLebBytes, '\0');
  auto size = static_cast<uLongf>(plain.size());
  const int status = ::uncompress(reinterpret_cast<Bytef*>(plain.data()), &size,
                                  reinterpret_cast<const Bytef*>(compressed.data()),
                                  static_cast<uLong>(compressed.size()));
  if (status != Z_OK) return std::unexpected("the compressed payload is damaged");
  plain.resize(size);
  return plain;
}

std::expected<void, std::string> check_head(ConstBytes& in) {
  if (in.size() < kHead_bytes) return std::unexpected("the head is cut off");
  if (take(in, 4) != kCookie) return std::unexpected("not HdrHistogram V2");
  const std::uint64_t payload = take(in, 4);
  const std::uint64_t offset = take(in, 4);
  const std::uint64_t digits = take(in, 4);
  const std::uint64_t lowest = take(in, 8);
  take(in, 8);  // the highest value bounds nothing: positions are the same for any
  const auto ratio = std::bit_cast<double>(take(in, 8));
  if (payload != in.size()) return std::unexpected("the payload's length is wrong");
  if (offset != 0 || ratio != 1.0)
    return std::unexpected("shifted or scaled histograms are not read");
  if (digits != Histogram::kSignificantDigits || lowest != Histogram::kLowest_ns) {
    return std::unexpected("another layout: lowest value 1 and 3 significant digits are read");
  }
  return {};
}

}  // namespace

std::expected<Histogram, std::string> decode_counts(ConstBytes counts) {
  Histogram out;
  std::size_t position = 0;
  const std::size_t last = Histogram::index(Histogram::kHighest_ns);
  while (!counts.empty()) {
    const auto number = take_leb(counts);
    if (!number) return std::unexpected(number.error());
    if (*number < 0) {
      if (*number < -static_cast<std::int64_t>(Histogram::kBuckets)) {
        return std::unexpected("a run of zeros is too long");
      }
      position += static_cast<std::size_t>(-*number);
      continue;
    }
    if (*number > 0 && position > last) return std::unexpected("a value lies beyond 3600 s");
    if (*number > 0) {
      const auto lowest = Histogram::lowest_at(position);
      out.record(lowest, static_cast<std::uint64_t>(*number));
      out.max_ns_ = Histogram::highest_at(position);
    }
    ++position;
  }
  return out;
}

std::string Histogram::encode() const {
  const std::string counts = encode_counts(*this);
  std::string plain;
  plain.reserve(kHead_bytes + counts.size());
  put(plain, kCookie, 4);
  put(plain, counts.size(), 4);
  put(plain, 0, 4);
  put(plain, kSignificantDigits, 4);
  put(plain, kLowest_ns, 8);
  put(plain, kHighest_ns, 8);
  put(plain, std::bit_cast<std::uint64_t>(1.0), 8);
  plain += counts;

  auto size = ::compressBound(static_cast<uLong>(plain.size()));
  std::string packed(size, '\0');
  const int status = ::compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                                 reinterpret_cast<const Bytef*>(plain.data()),
                                 static_cast<uLong>(plain.size()), Z_DEFAULT_COMPRESSION);
  ZY_CHECK(status == Z_OK);
  packed.resize(size);
  std::string out;
  put(out, kCompressedCookie, 4);
  put(out, packed.size(), 4);
  return out + packed;
}

std::expected<Histogram, std::string> Histogram::decode(ConstBytes encoded) {
  if (encoded.size() < kCompressedHead_bytes) return std::unexpected("the head is cut off");
  if (take(encoded, 4) != kCompressedCookie) {
    return std::unexpected("not a compressed HdrHistogram V2");
  }
  if (take(encoded, 4) != encoded.size()) return std::unexpected("the length is wrong");
  const auto plain = inflate(encoded);
  if (!plain) return std::unexpected(plain.error());
  ConstBytes rest = as_bytes(*plain);
  if (const auto head = check_head(rest); !head) return std::unexpected(head.error());
  return decode_counts(rest);
}

}  // namespace zyphos
