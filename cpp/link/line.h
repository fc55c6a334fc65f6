// Line: what sends the queue's packets one after the other: at a constant rate, or as a trace has
// it.
#pragma once

#include <cstddef>
#include <optional>

#include "base/time.h"
#include "link/options.h"
#include "link/rate.h"
#include "link/trace.h"

namespace zyphos::link {

class Line {
 public:
  Line(const PathOptions& options, Time start) : rate_(options.rate_bits_per_second) {
    if (options.trace) traced_.emplace(options.trace, start);
  }

  // When a packet that is there at `ready` begins to be sent.
  Time begins(Time ready) const { return traced_ ? traced_->begins(ready) : rate_.begins(ready); }
  // When one that began at `begin`, begins(...) of it, is sent.
  Time send(std::size_t bytes, Time begin) {
    return traced_ ? traced_->send(bytes, begin) : rate_.send(bytes, begin);
  }

 private:
  Rate rate_;
  std::optional<TracedLine> traced_;
};

}  // namespace zyphos::link
