// Seeded randomness that is the same on every machine: xoshiro256** (Blackman and Vigna, 2018),
// seeded by splitmix64. Not for cryptography. Not thread-safe: one per thread, from `split`.
#pragma once

#include <array>
#include <cstdint>

namespace zyphos {

class Random {
 public:
  using result_type = std::uint64_t;

  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound), unbiased (Lemire, 2019); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in (0, 1]: never 0, so that log() is safe.
  double unit();
  // Exponential with the given mean.
  double exponential(double mean);
  // An independent generator for another thread or connection.
  Random split();

  // UniformRandomBitGenerator.
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()() { return next(); }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace zyphos
