// Histogram: HDR histogram of nanoseconds (Gil Tene's HdrHistogram): 1 ns to 3600 s with 3
// significant digits, the bucket layout of HdrHistogram(1, 3'600'000'000'000, 3), so that its V2
// encodings interchange with other tools.
//
// A bucket holds all values between its lowest and its highest equivalent (at most 0.1 % apart).
// Histograms merge by adding; percentiles are never averaged. Thread safety: none; one writer,
// merged when it has ended. Cost: 270 kB, of which only touched pages are resident; record() is
// O(1) and never allocates.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace zyphos {

class Histogram {
 public:
  static constexpr std::int64_t kLowest_ns = 1;
  static constexpr std::int64_t kHighest_ns = 3'600'000'000'000;
  static constexpr int kSignificantDigits = 3;

  Histogram();
  Histogram(const Histogram& other);
  Histogram(Histogram&&) noexcept = default;
  Histogram& operator=(Histogram other) noexcept;

  // `n` observations of `value_ns`. Below 0 counts as 0; above kHighest_ns it counts in the highest
  // bucket (so that quantiles see it), in max_ns() with its own value, and in saturated().
  void record(std::int64_t value_ns, std::uint64_t n = 1) {
    if (value_ns < 0) value_ns = 0;
    if (value_ns < min_ns_) min_ns_ = value_ns;
    if (value_ns > max_ns_) max_ns_ = value_ns;
    if (value_ns > kHighest_ns) [[unlikely]] {
      saturated_ += n;
      value_ns = kHighest_ns;
    }
    counts_[index(value_ns)] += n;
    count_ += n;
  }
  // Adds all of `other`. O(buckets).
  void add(const Histogram& other);
  // What came after `earlier`, a snapshot of the same histogram: bucket by bucket, each observation
  // by its bucket's middle. O(buckets); allocates.
  Histogram since(const Histogram& earlier) const;
  void reset();

  std::uint64_t count() const { return count_; }
  // Observations beyond kHighest_ns.
  std::uint64_t saturated() const { return saturated_; }
  // Exact where recorded here; a decoded histogram knows its outermost buckets only (lowest and
  // highest equivalent). 0 when empty.
  std::int64_t min_ns() const { return count_ == 0 ? 0 : min_ns_; }
  std::int64_t max_ns() const { return count_ == 0 ? 0 : max_ns_; }
  // From the buckets' middles (within 0.05 %), as HdrHistogram does: the same before and after
  // encoding. 0 when empty.
  double mean_ns() const;
  // The smallest value v such that at least a share `q` of the observations is <= v, as
  // HdrHistogram gives it: the *highest equivalent* of that observation's bucket (so it may lie
  // above max_ns(), never below the truth). `q` is clamped to [0, 1]; 0 means the lowest equivalent
  // of the first observation. 0 when empty. O(buckets).
  std::int64_t quantile_ns(double q) const;

  // HdrHistogram V2, zlib-compressed (not base64). O(buckets); allocates.
  std::string encode() const;
  // Error: one line, what is wrong. Accepts what HdrHistogram implementations write with lowest 1
  // and 3 digits.
  static std::expected<Histogram, std::string> decode(ConstBytes encoded);

  // The buckets, by position in [0, kBuckets).
  static constexpr std::size_t kBuckets = 33 * 1024;
  std::uint64_t count_at(std::size_t position) const { return counts_[position]; }
  static std::int64_t lowest_at(std::size_t position);
  static std::int64_t highest_at(std::size_t position);
  // Position of a value in [0, kHighest_ns].
  static constexpr std::size_t index(std::int64_t value_ns) {
    // 2048 sub-buckets of width 1, then 1024 of width 2, 1024 of width 4, ...
    const auto value = static_cast<std::uint64_t>(value_ns);
    const auto bucket = static_cast<unsigned>(std::bit_width(value | 2047U)) - 11U;
    return bucket * 1024U + (value >> bucket);
  }

 private:
  struct Free {
    void operator()(std::uint64_t* memory) const { std::free(memory); }
  };
  friend std::expected<Histogram, std::string> decode_counts(ConstBytes counts);

  std::unique_ptr<std::uint64_t[], Free> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t saturated_ = 0;
  std::int64_t min_ns_ = INT64_MAX;
  std::int64_t max_ns_ = 0;
};

}  // namespace zyphos
