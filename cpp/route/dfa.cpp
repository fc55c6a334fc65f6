#include "route/dfa.h"

#include "route/kinds.h"
#include "route/leaf.h"

namespace zyphos::route {
namespace {

using dfa::Slot;
using dfa::State;
using dfa::Word;

class Dfa final : public Router {
 public:
  Dfa(const Table& table, dfa::Automaton automaton)
      : depth_(table.segments_max()), leaves_(table), automaton_(std::move(automaton)) {}

  void find(Method method, std::string_view path, Match& match) const override {
    if (!begin_match(path, match)) return;
    Split split;
    split_path(path, depth_, split);
    const State* state = &automaton_.states[1];
    for (std::uint32_t i = 0; i < split.count; ++i) {
      state = &automaton_.states[next(*state, path.data() + split.slash[i] + 1,
                                      split.slash[i + 1] - split.slash[i] - 1)];
    }
    if (state->kind == State::kSeveral) return try_several(state->leaf, method, path, split, match);
    try_leaf(state->leaf, method, path, split, match);
    end_match(match);
  }

  std::size_t memory_bytes() const override {
    return leaves_.memory_bytes() + automaton_.memory_bytes();
  }

 private:
  [[gnu::always_inline]] std::uint32_t next(const State& state, const char* at,
                                            std::uint32_t size) const {
    if (state.shift != 0) {
      const Word word = dfa::word_of(at, size);
      const Slot* slot = automaton_.slots.data() + state.slots + dfa::place_of(state, word);
      for (;; ++slot) {
        const bool same = ((slot->first ^ word.first) | (slot->last ^ word.last) |
                           (slot->size ^ word.size)) == 0;
        if (same && slot->next != 0 && (size <= 16 || same_inside(*slot, at))) return slot->next;
        if (slot->more == 0) break;
      }
    }
    return size == 0 ? state.empty : state.other;
  }

  bool same_inside(const Slot& slot, const char* at) const {
    return std::memcmp(automaton_.texts.data() + slot.text, at, slot.size) == 0;
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

  void try_several(std::uint32_t ends, Method method, std::string_view path, const Split& split,
                   Match& match) const {
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
