// A histogram that others read while it changes: the buckets of Histogram in memory that may be
// shared. Knows nothing of the memory's owner.
//
// Thread safety: one writer; snapshot() from any thread or process. A reader sees each bucket
// whole, but not all of one instant. Cost: record() O(1), two relaxed stores; bytes as a Histogram,
// of which only touched pages are resident.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "metrics/histogram.h"

namespace zyphos {

class SharedHistogram {
 public:
  // Below 0 counts as 0, beyond kHighest_ns in the highest bucket.
  void record(std::int64_t value_ns) {
    value_ns = std::clamp<std::int64_t>(value_ns, 0, Histogram::kHighest_ns);
    auto& count = counts_[Histogram::index(value_ns)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // Each observation by the middle of its bucket (within 0.05 %). O(buckets); allocates.
  Histogram snapshot() const {
    Histogram out;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      const std::uint64_t count = counts_[i].load(std::memory_order_relaxed);
      if (count == 0) continue;
      const std::int64_t lowest = Histogram::lowest_at(i);
      out.record(lowest + (Histogram::highest_at(i) - lowest) / 2, count);
    }
    return out;
  }

 private:
  std::array<std::atomic<std::uint64_t>, Histogram::kBuckets> counts_{};
};

}  // namespace zyphos
