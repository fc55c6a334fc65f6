#include "base/http_time.h"

#include <algorithm>
#include <chrono>

namespace zyphos {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hh_mm_ss;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::weekday;
using std::chrono::year_month_day;

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::int64_t kFirst_s = -62'167'219'200;  // of the year 0
constexpr std::int64_t kLast_s = 253'402'300'799;   // of the year 9999

class Pen {
 public:
  explicit Pen(char* at) : at_(at) {}

  void text(std::string_view text) { at_ = std::ranges::copy(text, at_).out; }
  void digits(unsigned value, unsigned count) {
    for (unsigned i = count; i-- > 0; value /= 10) at_[i] = static_cast<char>('0' + value % 10);
    at_ += count;
  }

 private:
  char* at_;
};

// Takes a date apart from its front; once something is missing all that follows is.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool text(std::string_view expected) {
    good_ = good_ && text_.starts_with(expected);
    if (good_) text_.remove_prefix(expected.size());
    return good_;
  }
  // Exactly so many digits; `padded`: leading blanks instead of zeros.
  int digits(std::size_t count, bool padded = false) {
    int value = 0;
    good_ = good_ && text_.size() >= count;
    for (std::size_t i = 0; good_ && i < count; ++i) {
      const char c = text_[i];
      if (padded && c == ' ' && i + 1 < count && value == 0) continue;
      good_ = c >= '0' && c <= '9';
      value = 10 * value + (c - '0');
    }
    if (good_) text_.remove_prefix(count);
    return value;
  }
  // The month's number, from 1.
  unsigned month() {
    const std::size_t at = text_.size() < 3 ? kMonths.npos : kMonths.find(text_.substr(0, 3));
    good_ = good_ && at != kMonths.npos && at % 3 == 0;
    if (!good_) return 0;
    text_.remove_prefix(3);
    return static_cast<unsigned>(at / 3 + 1);
  }
  void after(std::size_t size) {
    good_ = good_ && text_.size() >= size;
    if (good_) text_.remove_prefix(size);
  }
  bool done() const { return good_ && text_.empty(); }

 private:
  std::string_view text_;
  bool good_ = true;
};

struct Parts {
  int year = 0;
  unsigned month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void read_clock(Reader& reader, Parts& parts) {
  parts.hour = reader.digits(2);
  reader.text(":");
  parts.minute = reader.digits(2);
  reader.text(":");
  parts.second = reader.digits(2);
}

// "Sun, 06 Nov 1994 08:49:37 GMT" behind the comma, or with `separator` '-' "06-Nov-94 08:49:37
// GMT".
bool read_ordered(std::string_view text, std::string_view separator, Parts& parts) {
  Reader reader(text);
  reader.text(" ");
  parts.day = reader.digits(2);
  reader.text(separator);
  parts.month = reader.month();
  reader.text(separator);
  parts.year = reader.digits(separator == "-" ? 2 : 4);
  reader.text(" ");
  read_clock(reader, parts);
  reader.text(" GMT");
  return reader.done();
}

// "Sun Nov  6 08:49:37 1994"
bool read_asctime(std::string_view text, Parts& parts) {
  Reader reader(text);
  reader.after(3);
  reader.text(" ");
  parts.month = reader.month();
  reader.text(" ");
  parts.day = reader.digits(2, true);
  reader.text(" ");
  read_clock(reader, parts);
  reader.text(" ");
  parts.year = reader.digits(4);
  return reader.done();
}

std::optional<std::int64_t> seconds_of(const Parts& parts) {
  const year_month_day date{std::chrono::year{parts.year}, std::chrono::month{parts.month},
                            std::chrono::day{static_cast<unsigned>(parts.day)}};
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return {};
  const std::int64_t day_s = sys_days{date}.time_since_epoch().count() * std::int64_t{86'400};
  return day_s + std::int64_t{parts.hour} * 3600 + std::int64_t{parts.minute} * 60 + parts.second;
}

int whole_year(int two_digits, std::int64_t now_s) {
  const year_month_day now{floor<days>(sys_seconds{seconds{now_s}})};
  const int this_year = static_cast<int>(now.year());
  const int year = this_year - this_year % 100 + two_digits;
  return year > this_year + 50 ? year - 100 : year;
}

}  // namespace

HttpTime http_time(std::int64_t unix_s) {
  const sys_seconds when{seconds{std::clamp(unix_s, kFirst_s, kLast_s)}};
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss time{when - day};
  HttpTime text{};
  Pen pen(text.data());
  pen.text(kDays.substr(3 * weekday{day}.c_encoding(), 3));
  pen.text(", ");
  pen.digits(static_cast<unsigned>(date.day()), 2);
  pen.text(" ");
  pen.text(kMonths.substr(3 * (static_cast<unsigned>(date.month()) - 1), 3));
  pen.text(" ");
  pen.digits(static_cast<unsigned>(static_cast<int>(date.year())), 4);
  pen.text(" ");
  pen.digits(static_cast<unsigned>(time.hours().count()), 2);
  pen.text(":");
  pen.digits(static_cast<unsigned>(time.minutes().count()), 2);
  pen.text(":");
  pen.digits(static_cast<unsigned>(time.seconds().count()), 2);
  pen.text(" GMT");
  return text;
}

std::optional<std::int64_t> parse_http_time(std::string_view text, std::int64_t now_s) {
  Parts parts;
  const std::size_t comma = text.find(',');
  if (comma == text.npos) {
    if (!read_asctime(text, parts)) return {};
  } else if (const std::string_view rest = text.substr(comma + 1); comma == 3) {
    if (!read_ordered(rest, " ", parts)) return {};
  } else {
    if (!read_ordered(rest, "-", parts)) return {};
    parts.year = whole_year(parts.year, now_s);
  }
  return seconds_of(parts);
}

}  // namespace zyphos
