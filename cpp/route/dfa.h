// Dfa: all patterns as one automaton whose symbols are segments. A state is a set of the tree's
// nodes (all that a path could still become), so that a path is read once, forwards, and a lookup
// costs one look into a small hash table for each of its segments, whatever else there is.
//
// A state's literals lie in a table of their own, whose factor was sought so that each has a place
// to itself; where there are too many for that, neighbours are looked at, and a place says whether
// there is more to look at.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <vector>

#include "route/table.h"

namespace zyphos::route::dfa {

static_assert(std::endian::native == std::endian::little, "words are compared as they lie there");

// A segment as it is compared: its first and its last 8 bytes, which overlap when it has under 16,
// and are the same, with zeros behind, when it has under 8. What lies between them is in the text.
struct Word {
  std::uint64_t first;
  std::uint64_t last;
  std::uint32_t size;
};

struct Slot {
  static constexpr std::uint32_t kFree = 0xffffffff;  // no segment is so long
  static constexpr std::uint32_t kFurther = 1;  // a literal that belongs here or before lies behind
  static constexpr std::uint32_t kText = 2;     // this one needs its text compared

  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint32_t size = kFree;  // as slot_size() has it
  std::uint32_t next = 0;      // state, as where it lies behind the first one, in bytes
  std::uint32_t text = 0;      // in the texts, of a segment of more than 16 bytes
  std::uint32_t more = 0;      // kFurther, kText or both: why one look may not be enough

  [[gnu::always_inline]] bool is(const Word& word) const {
    return ((first ^ word.first) | (last ^ word.last) | (size ^ word.size)) == 0;
  }
};

inline constexpr std::uint32_t kWhole_bytes_max = 16;  // what a word holds all of
inline constexpr std::uint32_t kLong = 0x80000000;

// Of a segment in a slot: one that a word does not hold all of is never found at first sight.
constexpr std::uint32_t slot_size(std::uint32_t size) {
  return size <= kWhole_bytes_max ? size : size | kLong;
}
// What of it must be compared besides the word.
constexpr std::size_t inside(std::uint32_t size) { return size <= kWhole_bytes_max ? 0 : size; }

// State 0 is where nothing fits any more, state 1 the first one.
struct State {
  static constexpr std::uint16_t kPlain = 0;  // `leaf` is the one that a path may end at, or kNone
  static constexpr std::uint16_t kSeveral = 1;  // `leaf`: in the ends, how many, and then which

  std::uint64_t factor = 0;
  std::uint32_t slots = 0;
  std::uint32_t other = 0;  // state after a segment that is none of the literals, as in a slot
  std::uint32_t empty = 0;  // after an empty one
  std::uint32_t leaf = kNone;
  std::uint16_t kind = kPlain;
  std::uint8_t shift = 0;  // 0: there are no literals
};
static_assert(sizeof(Slot) == 32 && sizeof(State) == 32);

struct Automaton {
  std::vector<State> states;  // less than 4 GiB of them
  std::vector<Slot> slots;
  std::vector<std::uint32_t> ends;
  std::string texts;

  std::size_t memory_bytes() const {
    return states.size() * sizeof(State) + slots.size() * sizeof(Slot) +
           ends.size() * sizeof(std::uint32_t) + texts.size();
  }
};

// The masks that leave the first n of 8 bytes, as they lie in memory.
constexpr std::array<std::uint64_t, 9> make_masks() {
  std::array<std::uint64_t, 9> masks{};
  for (unsigned n = 1; n < 8; ++n) masks[n] = (1ULL << (8 * n)) - 1;
  masks[8] = ~0ULL;
  return masks;
}
inline constexpr std::array<std::uint64_t, 9> kMasks = make_masks();

// kReadPadding readable bytes follow.
[[gnu::always_inline]] inline Word word_of(const char* at, std::uint32_t size) {
  const std::uint32_t in_word = size < 8 ? size : 8;
  std::uint64_t first;
  std::uint64_t last;
  std::memcpy(&first, at, sizeof first);
  std::memcpy(&last, at + size - in_word, sizeof last);
  return {first & kMasks[in_word], last & kMasks[in_word], size};
}

[[gnu::always_inline]] inline std::uint64_t place_of(const State& state, const Word& word) {
  return (word.first + 2 * word.last + word.size) * state.factor >> state.shift;
}

// Error, one line: more than `states_max` states would be needed.
std::expected<Automaton, std::string> make_automaton(const Table& table, std::size_t states_max);

}  // namespace zyphos::route::dfa
