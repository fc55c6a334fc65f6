#include "metrics/shared_histogram.h"

#include <gtest/gtest.h>

#include <memory>

namespace zyphos {
namespace {

TEST(SharedHistogram, SnapshotsHoldEachObservationInItsBucket) {
  const auto shared = std::make_unique<SharedHistogram>();
  EXPECT_EQ(shared->snapshot().count(), 0U);
  Histogram plain;
  for (const std::int64_t value_ns : {-4L, 0L, 1L, 2047L, 2048L, 999'999L, 70'000'000'000L}) {
    shared->record(value_ns);
    plain.record(value_ns);
  }
  const Histogram read = shared->snapshot();
  EXPECT_EQ(read.count(), plain.count());
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    ASSERT_EQ(read.count_at(i), plain.count_at(i)) << "bucket " << i;
  }
}

TEST(SharedHistogram, WhatIsBeyondTheRangeCountsInTheHighestBucket) {
  const auto shared = std::make_unique<SharedHistogram>();
  shared->record(2 * Histogram::kHighest_ns);
  EXPECT_EQ(shared->snapshot().count_at(Histogram::index(Histogram::kHighest_ns)), 1U);
}

}  // namespace
}  // namespace zyphos
