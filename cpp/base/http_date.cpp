#include "base/http_date.h"

#include <cstring>
#include <string_view>

#include "base/http_time.h"

namespace zyphos {
namespace {

using Line = std::array<char, HttpDate::kCopied_bytes>;

Line line_of(std::int64_t unix_s) {
  constexpr std::string_view kName = "Date: ";
  constexpr std::string_view kEnd = "\r\n";
  static_assert(kName.size() + kHttpTime_bytes + kEnd.size() == HttpDate::kLine_bytes);
  const HttpTime time = http_time(unix_s);
  Line line{};
  std::memcpy(line.data(), kName.data(), kName.size());
  std::memcpy(line.data() + kName.size(), time.data(), time.size());
  std::memcpy(line.data() + kName.size() + time.size(), kEnd.data(), kEnd.size());
  return line;
}

}  // namespace

void HttpDate::set(std::int64_t unix_s) {
  const Line line = line_of(unix_s);
  const auto version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, line.data() + 8 * i, sizeof(word));
    // Released, so that who reads a new word also sees the odd version before it.
    words_[i].store(word, std::memory_order_release);
  }
  version_.store(version + 2, std::memory_order_release);
}

}  // namespace zyphos
