// Trace: arrivals as a file lists them.
//
// One offset a line, never smaller than the one before: whole numbers are nanoseconds, numbers with
// a decimal point seconds, all of a file of one kind. Empty lines and what stands behind # do not
// count. Offset 0 is the window's start.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace zyphos {

struct Trace {
  std::vector<std::int64_t> offsets_ns;  // not empty, 0 or more, ascending

  // After so long the trace repeats, and so it did before the window: the last offset and the mean
  // distance of all, so that the rate of the repeated trace is that of its arrivals. 0 where there
  // is no such distance (one arrival, or all at one time).
  std::int64_t natural_period_ns() const;
};

// Error: "NAME:LINE: what is wrong", one line.
std::expected<Trace, std::string> parse_trace(std::string_view text, const std::string& name);
std::expected<Trace, std::string> read_trace(const std::string& path);

}  // namespace zyphos
