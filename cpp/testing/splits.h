// Every split of an input: a stream says nothing about how its bytes are cut, so no result may
// depend on it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zyphos::testing {

using Pieces = std::vector<std::string_view>;

// Runs `run` on `input` whole, then cut in two at every position (at most `positions_max`, spread
// evenly), byte by byte, and in `random` seeded ways. Returns what the first differing cut was and
// gave, or nothing. Deterministic.
std::optional<std::string> every_split(std::string_view input,
                                       const std::function<std::string(const Pieces&)>& run,
                                       std::uint64_t seed = 1, std::size_t random = 16,
                                       std::size_t positions_max = 512);

// Cut at the given positions (ascending, within the input).
Pieces cut(std::string_view input, std::span<const std::size_t> positions);
// Cut in seeded pieces of at most piece_max bytes.
Pieces cut_randomly(std::string_view input, std::uint64_t seed, std::size_t piece_max);

}  // namespace zyphos::testing
