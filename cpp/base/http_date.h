// The Date field of HTTP answers (RFC 9110, 6.6.1), made once a second by somebody with a clock and
// copied into every answer by connections, which have none.
//
// Thread safety: one writer, set(); any number of readers, copy_to(), which never wait for it (a
// sequence lock: a reader that met a change reads again).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace zyphos {

class HttpDate {
 public:
  // "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
  static constexpr std::size_t kLine_bytes = 37;
  static constexpr std::size_t kCopied_bytes = 40;

  // `unix_s`: seconds since 1970 in UTC, years 1970 to 9999.
  void set(std::int64_t unix_s);
  // Writes kCopied_bytes (the line, then padding) to `to`; returns kLine_bytes, 0 before the first
  // set().
  std::size_t copy_to(std::byte* to) const {
    for (;;) {
      const auto before = version_.load(std::memory_order_acquire);
      if (before == 0) return 0;
#pragma GCC unroll 8
      for (std::size_t i = 0; i < words_.size(); ++i) {
        const std::uint64_t word = words_[i].load(std::memory_order_acquire);
        std::memcpy(to + 8 * i, &word, sizeof(word));
      }
      if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) return kLine_bytes;
    }
  }

 private:
  std::atomic<std::uint32_t> version_{0};  // odd while it changes
  std::array<std::atomic<std::uint64_t>, kCopied_bytes / 8> words_{};
};

}  // namespace zyphos
