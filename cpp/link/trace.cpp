#include "link/trace.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

namespace zyphos::link {
namespace {

constexpr std::int64_t kLatest_ms = 1'000'000'000'000;

// The time of a line; below 0 when it is none.
std::int64_t milliseconds(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  const bool whole = error == std::errc{} && end == line.data() + line.size();
  return whole && value <= kLatest_ms ? value : -1;
}

}  // namespace

std::expected<Trace, std::string> read_trace(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::unexpected("cannot read " + path);
  Trace trace;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    const std::int64_t at_ms = milliseconds(line);
    const std::string place = path + ":" + std::to_string(number);
    if (at_ms < 0) return std::unexpected(place + ": must be a time in whole milliseconds");
    const std::int64_t at_ns = at_ms * kMillisecond_ns;
    if (!trace.at_ns.empty() && at_ns < trace.at_ns.back()) {
      return std::unexpected(place + ": must not be before the line above");
    }
    trace.at_ns.push_back(at_ns);
  }
  if (trace.at_ns.empty() || trace.at_ns.back() == 0) {
    return std::unexpected(path + ": must have a last time above 0, the trace's length");
  }
  return trace;
}

std::uint64_t TracedLine::first_at(Time ready) const {
  const auto& times = trace_->at_ns;
  const std::int64_t since_ns = std::max<std::int64_t>(0, ready - start_);
  // The end of a round belongs to it: what is left of it lies in (0, length].
  const std::int64_t round = since_ns == 0 ? 0 : (since_ns - 1) / times.back();
  const auto found = std::ranges::lower_bound(times, since_ns - round * times.back());
  const auto place = static_cast<std::uint64_t>(round) * times.size() +
                     static_cast<std::uint64_t>(found - times.begin());
  return std::max(left_ > 0 ? current_ : current_ + 1, place);
}

Time TracedLine::time_of(std::uint64_t opportunity) const {
  const auto& times = trace_->at_ns;
  const auto round = static_cast<std::int64_t>(opportunity / times.size());
  return start_ + (round * times.back() + times[opportunity % times.size()]);
}

Time TracedLine::send(std::size_t bytes, Time begin) {
  const std::uint64_t first = first_at(begin);
  if (first != current_) left_ = kOpportunity_bytes;
  current_ = first;
  while (bytes > left_) {
    bytes -= left_;
    ++current_;
    left_ = kOpportunity_bytes;
  }
  left_ -= bytes;
  return time_of(current_);
}

}  // namespace zyphos::link
