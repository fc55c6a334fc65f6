// A line whose rate follows a trace, in mahimahi's format (Netravali et al., 2015): each line of
// the file is a time in whole milliseconds, not falling, at which kOpportunity_bytes may leave;
// after the last the trace repeats, its last time being its length. Several small packets share an
// opportunity, a large one takes the rest of one and goes on with the next; what is not used by
// packets that are there at that time is lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"

namespace zyphos::link {

inline constexpr std::size_t kOpportunity_bytes = 1500;

struct Trace {
  std::vector<std::int64_t> at_ns;  // not falling; the last, above 0, is the length
};

// Error: one line with the file and the line's number.
std::expected<Trace, std::string> read_trace(const std::string& path);

// The same two questions as of a Rate (link/rate.h).
class TracedLine {
 public:
  // The trace begins at `start`.
  TracedLine(std::shared_ptr<const Trace> trace, Time start)
      : trace_(std::move(trace)), start_(start) {}

  // When a packet that is there at `ready` begins to be sent. O(log trace).
  Time begins(Time ready) const { return time_of(first_at(ready)); }
  // When one that began at `begin`, begins(...) of it, is sent.
  Time send(std::size_t bytes, Time begin);

 private:
  // Opportunities are numbered through all repetitions.
  std::uint64_t first_at(Time ready) const;
  Time time_of(std::uint64_t opportunity) const;

  std::shared_ptr<const Trace> trace_;
  Time start_;
  std::uint64_t current_ = 0;
  std::size_t left_ = kOpportunity_bytes;  // of the current one
};

}  // namespace zyphos::link
