#include "testing/splits.h"

#include <algorithm>
#include <array>

#include "base/random.h"

namespace zyphos::testing {
namespace {

std::string describe(const char* how, std::uint64_t which, const std::string& expected,
                     const std::string& found) {
  return std::string("cut ") + how + " " + std::to_string(which) + "\n--- whole\n" + expected +
         "\n--- cut\n" + found;
}

}  // namespace

Pieces cut(std::string_view input, std::span<const std::size_t> positions) {
  Pieces pieces;
  std::size_t from = 0;
  for (const std::size_t position : positions) {
    pieces.push_back(input.substr(from, position - from));
    from = position;
  }
  pieces.push_back(input.substr(from));
  return pieces;
}

Pieces cut_randomly(std::string_view input, std::uint64_t seed, std::size_t piece_max) {
  Random random(seed);
  Pieces pieces;
  while (!input.empty()) {
    const std::size_t n = std::min<std::size_t>(input.size(), 1 + random.below(piece_max));
    pieces.push_back(input.substr(0, n));
    input.remove_prefix(n);
  }
  return pieces;
}

std::optional<std::string> every_split(std::string_view input,
                                       const std::function<std::string(const Pieces&)>& run,
                                       std::uint64_t seed, std::size_t random,
                                       std::size_t positions_max) {
  const std::string expected = run({input});
  const std::size_t step = std::max<std::size_t>(1, input.size() / positions_max);
  for (std::size_t at = 1; at < input.size(); at += step) {
    const std::string found = run(cut(input, std::array{at}));
    if (found != expected) return describe("at", at, expected, found);
  }
  constexpr std::size_t kByteByByte_max = 16 * 1024;
  if (input.size() <= kByteByByte_max) {
    const std::string found = run(cut_randomly(input, seed, 1));
    if (found != expected) return describe("in pieces of", 1, expected, found);
  }
  for (std::size_t i = 0; i < random; ++i) {
    const std::size_t piece_max = std::max<std::size_t>(2, input.size() >> (i % 8));
    const std::string found = run(cut_randomly(input, seed + i, piece_max));
    if (found != expected) return describe("with seed", seed + i, expected, found);
  }
  return {};
}

}  // namespace zyphos::testing
