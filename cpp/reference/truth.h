// Truth: what became of each request by the kernel's own clock: when it came (RX timestamp), when
// its answer left (TX timestamp). Kept per request, so that the truth of any stretch of time can be
// asked for afterwards. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>

#include "base/time.h"
#include "metrics/histogram.h"

namespace zyphos::reference {

class Truth {
 public:
  using Id = std::size_t;

  // Requests that are kept, 32 bytes each. Those beyond are counted and their id is kNone.
  static constexpr std::size_t kKept_max = 4'000'000;
  static constexpr Id kNone = std::numeric_limits<Id>::max();

  // A request that came at `received` (CLOCK_MONOTONIC) and is to be answered after `asked_ns`.
  // `stamped`: that time is the kernel's.
  Id received(Time received, std::int64_t asked_ns, bool stamped);
  void lost(Id id);
  // Its answer left at `left`; `stamped` as above.
  void answered(Id id, Time left, bool stamped);

  // One line of JSON, {"event":"truth",...}, about the requests that came in [start, end).
  // histograms: delay_ns from timestamp to timestamp, asked_ns what the law drew.
  std::string to_json(Time start, Time end) const;

 private:
  enum class State : std::uint8_t { open, lost, answered };
  struct Request {
    Time received;
    Time left;
    std::int64_t asked_ns;
    State state;
    bool stamped;
  };

  std::deque<Request> requests_;
  std::uint64_t unkept_ = 0;
};

}  // namespace zyphos::reference
