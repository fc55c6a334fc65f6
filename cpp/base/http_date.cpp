#include "base/http_date.h"

#include <chrono>
#include <cstring>
#include <string_view>

namespace zyphos {
namespace {

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct Line {
  std::array<char, HttpDate::kCopied_bytes> text{};
  std::size_t size = 0;

  void put(std::string_view part) {
    std::memcpy(text.data() + size, part.data(), part.size());
    size += part.size();
  }
  void digits(unsigned value, unsigned count) {
    for (unsigned i = count; i-- > 0; value /= 10) {
      text[size + i] = static_cast<char>('0' + value % 10);
    }
    size += count;
  }
};

// IMF-fixdate (RFC 9110, 5.6.7).
Line line_of(std::int64_t unix_s) {
  using namespace std::chrono;
  const sys_seconds when{seconds{unix_s}};
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss time{when - day};
  Line line;
  line.put("Date: ");
  line.put(kDays.substr(3 * weekday{day}.c_encoding(), 3));
  line.put(", ");
  line.digits(static_cast<unsigned>(date.day()), 2);
  line.put(" ");
  line.put(kMonths.substr(3 * (static_cast<unsigned>(date.month()) - 1), 3));
  line.put(" ");
  line.digits(static_cast<unsigned>(static_cast<int>(date.year())), 4);
  line.put(" ");
  line.digits(static_cast<unsigned>(time.hours().count()), 2);
  line.put(":");
  line.digits(static_cast<unsigned>(time.minutes().count()), 2);
  line.put(":");
  line.digits(static_cast<unsigned>(time.seconds().count()), 2);
  line.put(" GMT\r\n");
  return line;
}

}  // namespace

void HttpDate::set(std::int64_t unix_s) {
  const Line line = line_of(unix_s);
  const auto version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < words_.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, line.text.data() + 8 * i, sizeof(word));
    // Released, so that who reads a new word also sees the odd version before it.
    words_[i].store(word, std::memory_order_release);
  }
  version_.store(version + 2, std::memory_order_release);
}

}  // namespace zyphos
