#include "route/dfa.h"

#include "route/kinds.h"
#include "route/leaf.h"

namespace zyphos::route {
namespace {

using dfa::Slot;
using dfa::State;
using dfa::Word;

// Paths whose end has a bit of its own beside their bytes'.
constexpr std::size_t kShort_bytes_max = 63;

class Dfa final : public Router {
 public:
  Dfa(const Table& table, dfa::Automaton automaton)
      : depth_(table.segments_max()), leaves_(table), automaton_(std::move(automaton)) {}

  void find(Method method, std::string_view path, Match& match) const override {
    if (!begin_match(path, match)) return;
    Split split;
    const State& state =
        path.size() <= kShort_bytes_max ? after_short(path, split) : after_long(path, split);
    if (state.kind == State::kSeveral) return try_several(state.leaf, method, path, split, match);
    try_leaf(state.leaf, method, path, split, match);
    end_match(match);
  }

  std::size_t memory_bytes() const override {
    return leaves_.memory_bytes() + automaton_.memory_bytes();
  }

 private:
  // The state after all segments, which are found on the way: a bit for each slash, and the end.
  [[gnu::always_inline]] const State& after_short(std::string_view path, Split& split) const {
    const char* const text = path.data();
    const auto size = static_cast<std::uint32_t>(path.size());
    std::uint64_t bits = slashes(text);
    if (size > kSplit_bytes) bits |= std::uint64_t{slashes(text + kSplit_bytes)} << kSplit_bytes;
    const std::uint64_t end = 1ULL << size;
    bits = (bits & (end - 1)) | end;
    const State* state = first();
    std::uint32_t* slash = split.slash.data();
    *slash = 0;
    std::uint32_t at = 1;
    bits &= bits - 1;
    do {
      const auto stop = static_cast<std::uint32_t>(std::countr_zero(bits));
      bits &= bits - 1;
      *++slash = stop;
      state = next(*state, text + at, stop - at);
      at = stop + 1;
    } while (bits != 0);
    return *state;
  }

  [[gnu::noinline]] const State& after_long(std::string_view path, Split& split) const {
    split_path(path, depth_, split);
    const State* state = first();
    for (std::uint32_t i = 0; i < split.count; ++i) {
      const std::string_view segment = split.segment(path.data(), i);
      state = next(*state, segment.data(), static_cast<std::uint32_t>(segment.size()));
    }
    return *state;
  }

  const State* first() const { return automaton_.states.data() + 1; }

  // States and slots are named by where they lie in memory, to spare the multiplications.
  const State* state_at(std::uint32_t offset) const {
    return reinterpret_cast<const State*>(reinterpret_cast<const char*>(automaton_.states.data()) +
                                          offset);
  }

  // One look; what that does not settle is nothing to have its registers saved for here.
  [[gnu::always_inline]] const State* next(const State& state, const char* at,
                                           std::uint32_t size) const {
    if (state.shift != 0) {
      const Word word = dfa::word_of(at, size);
      const Slot* slot = automaton_.slots.data() + state.slots + dfa::place_of(state, word);
      if (slot->is(word)) [[likely]]
        return state_at(slot->next);
      if (slot->more != 0) [[unlikely]]
        return further(state, at, size);
    }
    return state_at(size == 0 ? state.empty : state.other);
  }

  [[gnu::noinline, gnu::cold]] const State* further(const State& state, const char* at,
                                                    std::uint32_t size) const {
    Word word = dfa::word_of(at, size);
    const Slot* slot = automaton_.slots.data() + state.slots + dfa::place_of(state, word);
    word.size = dfa::slot_size(size);
    while (true) {
      if (slot->is(word) &&
          std::memcmp(automaton_.texts.data() + slot->text, at, dfa::inside(size)) == 0) {
        return state_at(slot->next);
      }
      if ((slot->more & Slot::kFurther) == 0) {
        return state_at(size == 0 ? state.empty : state.other);
      }
      ++slot;
    }
  }

  [[gnu::always_inline]] bool try_leaf(std::uint32_t leaf, Method method, std::string_view path,
                                       const Split& split, Match& match) const {
    if (leaf == kNone) return false;
    if ((leaves_[leaf].methods & Leaf::kChecked) != 0 && !leaves_.checks(leaf, path, split)) {
      return false;
    }
    if (!leaves_.take(leaf, method, match)) return false;
    leaves_.give_pieces(leaf, path, split, match);
    return true;
  }

  [[gnu::noinline]] void try_several(std::uint32_t ends, Method method, std::string_view path,
                                     const Split& split, Match& match) const {
    const std::uint32_t* const first = automaton_.ends.data() + ends + 1;
    for (std::uint32_t i = 0; i < first[-1]; ++i) {
      if (try_leaf(first[i], method, path, split, match)) return;
    }
    end_match(match);
  }

  std::uint32_t depth_;
  Leaves leaves_;
  dfa::Automaton automaton_;
};

}  // namespace

std::expected<std::unique_ptr<Router>, std::string> make_dfa(const Table& table,
                                                             std::size_t states_max) {
  auto automaton = dfa::make_automaton(table, states_max);
  if (!automaton) return std::unexpected(automaton.error());
  return std::make_unique<Dfa>(table, std::move(*automaton));
}

}  // namespace zyphos::route
