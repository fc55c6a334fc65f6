#include "metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"

namespace zyphos {
namespace {

// Written by PyPI hdrhistogram 0.10.3: HdrHistogram(1, 3600 * 10**9, 3) with kReferenceValues once
// each and 123456 a hundred thousand times.
const std::vector<std::int64_t> kReferenceValues{0,
                                                 1,
                                                 2047,
                                                 2048,
                                                 2049,
                                                 100'000,
                                                 100'001,
                                                 1'000'000,
                                                 44'123'456,
                                                 1'000'000'000,
                                                 3'599'000'000'000};
constexpr std::string_view kReferenceHex =
    "1c8493140000003d789c9369992cccc0c020cd0001cc509a11c87433d8b180c1fe03448089e9a73c13cbc60896"
    "dbac0766f1ac3560da1fc674df8369ed1e46260042320d66";

std::string from_hex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

Histogram random_histogram(std::uint64_t seed, std::size_t n) {
  Random random(seed);
  Histogram out;
  for (std::size_t i = 0; i < n; ++i) {
    out.record(static_cast<std::int64_t>(random.exponential(1e6)));
  }
  return out;
}

bool same_counts(const Histogram& a, const Histogram& b) {
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (a.count_at(i) != b.count_at(i)) return false;
  }
  return a.count() == b.count();
}

TEST(Histogram, EveryPositionHoldsItsBounds) {
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    ASSERT_EQ(Histogram::index(Histogram::lowest_at(i)), i);
    ASSERT_EQ(Histogram::index(Histogram::highest_at(i)), i);
    if (i > 0) {
      ASSERT_EQ(Histogram::highest_at(i - 1) + 1, Histogram::lowest_at(i));
    }
    // Three significant digits.
    const auto lowest = static_cast<double>(Histogram::lowest_at(i));
    ASSERT_LE(static_cast<double>(Histogram::highest_at(i)) - lowest, lowest / 1000.0);
  }
}

TEST(Histogram, EmptySaysNothing) {
  const Histogram empty;
  EXPECT_EQ(empty.count(), 0U);
  EXPECT_EQ(empty.quantile_ns(0.5), 0);
  EXPECT_EQ(empty.max_ns(), 0);
  EXPECT_EQ(empty.min_ns(), 0);
  EXPECT_EQ(empty.mean_ns(), 0.0);
}

TEST(Histogram, QuantilesAreHighestEquivalents) {
  Histogram h;
  for (std::int64_t v = 1; v <= 10; ++v) h.record(v * 100'000);
  EXPECT_EQ(h.quantile_ns(0.0), 99'968);  // lowest equivalent of 100'000 (width 64)
  EXPECT_EQ(h.quantile_ns(0.1), 100'031);
  EXPECT_EQ(h.quantile_ns(0.9), 900'095);  // the 9th of 10, whatever the rounding of 0.9 * 10
  EXPECT_EQ(h.quantile_ns(0.91), 1'000'447);
  EXPECT_EQ(h.quantile_ns(1.0), 1'000'447);
  EXPECT_EQ(h.max_ns(), 1'000'000);
  EXPECT_EQ(h.min_ns(), 100'000);
}

TEST(Histogram, QuantilesStayWithinABucketOfTheTruth) {
  Random random(7);
  std::vector<std::int64_t> values;
  Histogram h;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::int64_t>(random.exponential(3e7)));
    h.record(values.back());
  }
  std::ranges::sort(values);
  for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * 20'000.0)) - 1;
    const std::size_t position = Histogram::index(values[rank]);
    EXPECT_EQ(h.quantile_ns(q), Histogram::highest_at(position)) << q;
  }
}

TEST(Histogram, BeyondTheRangeIsCountedNotLost) {
  Histogram h;
  h.record(Histogram::kHighest_ns + 1, 2);
  h.record(-5);
  EXPECT_EQ(h.count(), 3U);
  EXPECT_EQ(h.saturated(), 2U);
  EXPECT_EQ(h.max_ns(), Histogram::kHighest_ns + 1);
  EXPECT_EQ(h.min_ns(), 0);
  EXPECT_GE(h.quantile_ns(1.0), Histogram::kHighest_ns);
}

TEST(Histogram, AddingIsRecordingTogether) {
  const Histogram a = random_histogram(1, 5000);
  const Histogram b = random_histogram(2, 700);
  Histogram ab = a;
  ab.add(b);
  Histogram ba = b;
  ba.add(a);
  ba.add(Histogram());
  EXPECT_TRUE(same_counts(ab, ba));
  EXPECT_EQ(ab.count(), 5700U);
  EXPECT_EQ(ab.max_ns(), std::max(a.max_ns(), b.max_ns()));
  EXPECT_EQ(ab.min_ns(), std::min(a.min_ns(), b.min_ns()));
}

TEST(Histogram, ResetAndCopyAreIndependent) {
  Histogram a = random_histogram(3, 100);
  const Histogram b = a;
  a.reset();
  EXPECT_EQ(a.count(), 0U);
  EXPECT_EQ(b.count(), 100U);
}

TEST(Histogram, SinceHoldsWhatCameAfter) {
  Histogram h;
  h.record(5, 3);
  h.record(1'000'000);
  const Histogram earlier = h;
  h.record(5);
  h.record(123'456, 2);
  const Histogram later = h.since(earlier);
  EXPECT_EQ(later.count(), 3U);
  EXPECT_EQ(later.count_at(Histogram::index(5)), 1U);
  EXPECT_EQ(later.count_at(Histogram::index(123'456)), 2U);
  EXPECT_EQ(later.count_at(Histogram::index(1'000'000)), 0U);
  EXPECT_EQ(h.since(h).count(), 0U);
}

TEST(HistogramEncoding, ReadsWhatHdrHistogramWrote) {
  const auto h = Histogram::decode(as_bytes(from_hex(kReferenceHex)));
  ASSERT_TRUE(h.has_value()) << h.error();
  Histogram expected;
  for (const auto v : kReferenceValues) expected.record(v);
  expected.record(123'456, 100'000);
  EXPECT_TRUE(same_counts(*h, expected));
  EXPECT_EQ(h->quantile_ns(0.5), 123'519);
  EXPECT_EQ(h->quantile_ns(1.0), 3'599'182'594'047);
  EXPECT_NEAR(h->mean_ns(), 36111058.38391777, 1e-3);
  EXPECT_EQ(h->max_ns(), 3'599'182'594'047);  // a decoded histogram knows buckets only
  EXPECT_EQ(h->min_ns(), 0);
}

TEST(HistogramEncoding, RoundTrips) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Histogram h = random_histogram(seed, 1000 * seed);
    const auto back = Histogram::decode(as_bytes(h.encode()));
    ASSERT_TRUE(back.has_value()) << back.error();
    EXPECT_TRUE(same_counts(h, *back)) << "seed " << seed;
  }
  const auto empty = Histogram::decode(as_bytes(Histogram().encode()));
  ASSERT_TRUE(empty.has_value()) << empty.error();
  EXPECT_EQ(empty->count(), 0U);
}

TEST(HistogramEncoding, LongCountsAndTheLastBucketSurvive) {
  Histogram h;
  h.record(0, std::uint64_t{1} << 62);  // nine bytes of LEB128
  h.record(Histogram::kHighest_ns);
  const auto back = Histogram::decode(as_bytes(h.encode()));
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_TRUE(same_counts(h, *back));
}

TEST(HistogramEncoding, EveryTruncationIsRefused) {
  const std::string whole = from_hex(kReferenceHex);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::string cut = whole.substr(0, n);
    EXPECT_FALSE(Histogram::decode(as_bytes(cut)).has_value()) << n;
  }
}

TEST(HistogramEncoding, EveryFlippedByteIsRefusedOrReadWhole) {
  const std::string whole = from_hex(kReferenceHex);
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bad = whole;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    refused += Histogram::decode(as_bytes(bad)).has_value() ? 0 : 1;
  }
  // zlib's header has bits without meaning; its checksum covers the rest.
  EXPECT_GE(refused, static_cast<int>(whole.size()) - 2);
}

}  // namespace
}  // namespace zyphos
