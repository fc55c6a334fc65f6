#include "load/trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/time.h"
#include "net/fd.h"

namespace zyphos {
namespace {

// Longer traces are no mistake of a digit: a year.
constexpr double kLongest_s = 366.0 * 24 * 3600;

std::string_view content(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  line = line.substr(0, line.find('#'));
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  const std::size_t last = line.find_last_not_of(kBlank);
  return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

template <typename Number>
std::optional<Number> whole(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

// Reads line by line what the file's first offset decided the kind of.
class Reader {
 public:
  // Empty: fine, or nothing in it; else what is wrong with this line.
  std::string take(std::string_view line) {
    const bool decimal = line.find('.') != std::string_view::npos;
    const auto offset_ns = decimal ? seconds(line) : whole<std::int64_t>(line);
    const std::string shown = "`" + std::string(line.substr(0, 40)) + "`";
    if (!offset_ns || *offset_ns < 0) {
      return shown + " is no offset: whole nanoseconds, or seconds like 0.25";
    }
    if (!trace.offsets_ns.empty() && decimal != decimal_) {
      return shown + " is in " + (decimal ? "seconds" : "nanoseconds") + ", those before in " +
             (decimal ? "nanoseconds (whole numbers)" : "seconds (with a decimal point)");
    }
    if (!trace.offsets_ns.empty() && *offset_ns < trace.offsets_ns.back()) {
      return shown + " lies before the offset above it";
    }
    decimal_ = decimal;
    trace.offsets_ns.push_back(*offset_ns);
    return {};
  }

  Trace trace;

 private:
  static std::optional<std::int64_t> seconds(std::string_view text) {
    const auto value = whole<double>(text);
    if (!value || !(*value >= 0.0) || *value > kLongest_s) return {};
    return std::llround(*value * 1e9);
  }

  bool decimal_ = false;
};

}  // namespace

std::int64_t Trace::natural_period_ns() const {
  const std::size_t distances = offsets_ns.size() - 1;
  const std::int64_t span_ns = offsets_ns.back() - offsets_ns.front();
  if (distances == 0 || span_ns == 0) return 0;
  return offsets_ns.back() + span_ns / static_cast<std::int64_t>(distances);
}

std::expected<Trace, std::string> parse_trace(std::string_view text, const std::string& name) {
  Reader reader;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = content(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    if (const std::string wrong = reader.take(line); !wrong.empty()) {
      return std::unexpected(name + ":" + std::to_string(number) + ": " + wrong);
    }
  }
  if (reader.trace.offsets_ns.empty()) return std::unexpected(name + ":1: no arrival in it");
  return std::move(reader.trace);
}

std::expected<Trace, std::string> read_trace(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 65536> part{};
  ssize_t size = file ? 1 : -1;
  while (size > 0) {
    size = ::read(file.get(), part.data(), part.size());
    if (size > 0) text.append(part.data(), static_cast<std::size_t>(size));
  }
  if (size < 0) return std::unexpected(path + ": " + std::strerror(errno));
  return parse_trace(text, path);
}

}  // namespace zyphos
