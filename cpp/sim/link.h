// Link: what one direction of a simulated connection does to a byte stream: delay, jitter, rate,
// the pieces it arrives in, and loss, which a stream shows as delay only. Deterministic from the
// Random it is given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/random.h"
#include "base/time.h"

namespace zyphos::sim {

struct LinkOptions {
  std::int64_t delay_ns = 50 * kMicrosecond_ns;  // one way
  std::int64_t jitter_ns = 0;                    // added, uniform in [0, jitter_ns)
  std::uint64_t rate_bytes_per_second = 0;       // 0: unlimited
  std::size_t segment_bytes_max = 1460;          // a segment is cut at a seeded size up to this
  double loss = 0;                               // of a segment; each loss costs one retransmission
  std::int64_t retransmit_ns = 200 * kMillisecond_ns;
  std::size_t window_bytes = 64 * 1024;  // sent and not yet taken by the receiver
};

class Link {
 public:
  explicit Link(const LinkOptions& options) : options_(&options) {}

  std::size_t segment_bytes(Random& random) const {
    return 1 + random.below(options_->segment_bytes_max);
  }
  std::size_t window_left() const {
    return in_flight_ < options_->window_bytes ? options_->window_bytes - in_flight_ : 0;
  }
  // Is there room for a whole segment, or for all that is `pending`? (Less would breed ever smaller
  // segments: the silly window of RFC 1122, 4.2.3.4.)
  bool open_for(std::size_t pending) const {
    return window_left() >= std::min(options_->segment_bytes_max, pending);
  }
  // When `bytes` sent now arrive; never before what was sent earlier.
  Time send(std::size_t bytes, Time now, Random& random);
  // The receiver took them.
  void taken(std::size_t bytes) { in_flight_ -= bytes; }
  std::int64_t delay_ns() const { return options_->delay_ns; }

 private:
  const LinkOptions* options_;
  std::size_t in_flight_ = 0;
  Time free_{};  // when the sender has serialised everything
  Time last_{};  // latest arrival
};

}  // namespace zyphos::sim
