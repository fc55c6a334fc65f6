// Automaton: a deterministic automaton over bytes as a table, made at compile time from rules that
// read as a grammar does: in this state, on these characters, to that state, and what is to be done
// then. What no rule names is wrong. Where two rules of a state name the same character the first
// holds.
//
// Characters that no state tells apart share a column. A state that a character leads back to
// without anything to be done has a run: the characters that may be passed over in a loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/http1/grammar.h"

namespace zyphos::http1 {

// A set of characters: those of a class, or those of a text.
class Chars {
 public:
  constexpr Chars(Class which) : classes_(which) {}   // NOLINT(google-explicit-constructor)
  constexpr Chars(const char* text) : text_(text) {}  // NOLINT(google-explicit-constructor)
  // Calls `take` with each byte of the set.
  template <class Take>
  constexpr void each(Take take) const {
    for (const char c : text_) take(static_cast<unsigned char>(c));
    if (classes_ == 0) return;
    for (std::size_t byte = 0; byte < kClasses.size(); ++byte) {
      if ((kClasses[byte] & classes_) != 0) take(byte);
    }
  }

 private:
  std::uint8_t classes_ = 0;
  std::string_view text_;
};

template <class State, class Do>
struct AutomatonRule {
  State from;
  Chars on;
  State to;
  Do action = Do::nothing;
};

// What follows a character: the next state's row, its run, and what is to be done on the way.
template <class Do>
struct AutomatonStep {
  std::uint16_t row = 0;
  std::uint8_t run = 0;
  Do action = Do::wrong;
};

// The run of what a field may hold, which can be passed over by many characters at a time; the
// other runs are bits of Automaton::runs.
inline constexpr std::uint8_t kTextRun = 0x80;

// Do has the members nothing and wrong; kStates is how many states there are.
template <class State, class Do, std::size_t kStates>
class RuleTable {
 public:
  static constexpr std::size_t kBytes = 256;
  struct Step {
    std::uint8_t to = 0;
    Do action = Do::wrong;
    bool operator==(const Step&) const = default;
  };

  template <std::size_t... kRules>
  consteval explicit RuleTable(const std::array<AutomatonRule<State, Do>, kRules>&... parts) {
    // GCC 12 leaves zeros in the object file for what only its default initialiser set.
    for (auto& row : steps_) row.fill(Step{.to = 0, .action = Do::wrong});
    (add(parts), ...);
    number_columns();
  }

  constexpr Step step(std::size_t state, std::size_t byte) const { return steps_[state][byte]; }
  // Of characters that no state tells apart, and how many there are.
  constexpr std::uint8_t column_of(std::size_t byte) const { return columns_[byte]; }
  constexpr std::size_t columns() const { return column_count_; }
  constexpr bool stays(std::size_t state, std::size_t byte) const {
    return steps_[state][byte] == Step{static_cast<std::uint8_t>(state), Do::nothing};
  }

 private:
  template <std::size_t kRules>
  consteval void add(const std::array<AutomatonRule<State, Do>, kRules>& rules) {
    for (const AutomatonRule<State, Do>& rule : rules) {
      auto& row = steps_[static_cast<std::size_t>(rule.from)];
      rule.on.each([&](std::size_t byte) {
        if (row[byte].action != Do::wrong) return;
        row[byte] = {static_cast<std::uint8_t>(rule.to), rule.action};
      });
    }
  }

  consteval bool same_column(std::size_t a, std::size_t b) const {
    for (const auto& row : steps_) {
      if (row[a] != row[b]) return false;
    }
    return true;
  }

  // Numbers the columns in the order of their first characters.
  consteval void number_columns() {
    std::array<std::size_t, kBytes> firsts{};
    for (std::size_t byte = 0; byte < kBytes; ++byte) {
      std::size_t column = 0;
      while (column < column_count_ && !same_column(firsts[column], byte)) ++column;
      if (column == column_count_) firsts[column_count_++] = byte;
      columns_[byte] = static_cast<std::uint8_t>(column);
    }
  }

  std::array<std::array<Step, kBytes>, kStates> steps_{};
  std::array<std::uint8_t, kBytes> columns_{};
  std::size_t column_count_ = 0;
};

// The same as a walk needs it: one look for the column, one for the step.
template <class Do, std::size_t kStates, std::size_t kColumns>
class Automaton {
 public:
  static constexpr std::size_t kBytes = 256;
  using Step = AutomatonStep<Do>;

  template <class State>
  consteval explicit Automaton(const RuleTable<State, Do, kStates>& rules) {
    std::array<std::uint8_t, kStates> run_of{};
    for (std::size_t state = 0; state < kStates; ++state) run_of[state] = run(rules, state);
    for (std::size_t byte = 0; byte < kBytes; ++byte) {
      columns_[byte] = rules.column_of(byte);
      for (std::size_t state = 0; state < kStates; ++state) {
        const auto [to, action] = rules.step(state, byte);
        const auto row = static_cast<std::uint16_t>(to * kColumns);
        steps_[state * kColumns + columns_[byte]] = {row, run_of[to], action};
      }
    }
    for (std::size_t state = 0; state < kStates; ++state) {
      starts_[state] = {static_cast<std::uint16_t>(state * kColumns), run_of[state], Do::nothing};
    }
  }

  // Into a state; and from a state's row on by a character.
  constexpr Step start(std::size_t state) const { return starts_[state]; }
  Step step(std::uint16_t row, char c) const {
    return steps_[row + columns_[static_cast<unsigned char>(c)]];
  }
  static constexpr std::size_t state_of(std::uint16_t row) { return row / kColumns; }

  // First character from `at` on that is not of the run, or end or behind it. Reads up to three
  // bytes behind the end (kReadPadding).
  const char* skip_run(const char* at, const char* end, std::uint8_t run) const {
    for (; at < end; at += 4) {
      if (!in_run(at[0], run)) return at;
      if (!in_run(at[1], run)) return at + 1;
      if (!in_run(at[2], run)) return at + 2;
      if (!in_run(at[3], run)) return at + 3;
    }
    return at;
  }

 private:
  bool in_run(char c, std::uint8_t run) const {
    return (runs_[static_cast<unsigned char>(c)] & run) != 0;
  }

  using Set = std::array<bool, kBytes>;

  // 0: the state has none. A set of characters that is new gets the next bit.
  template <class State>
  consteval std::uint8_t run(const RuleTable<State, Do, kStates>& rules, std::size_t state) {
    Set stays{};
    Set text{};
    for (std::size_t byte = 0; byte < kBytes; ++byte) {
      stays[byte] = rules.stays(state, byte);
      text[byte] = (kClasses[byte] & kFieldChar) != 0;
    }
    if (stays == Set{}) return 0;
    return stays == text ? kTextRun : bit_of(stays);
  }
  consteval std::uint8_t bit_of(const Set& stays) {
    std::uint8_t bit = 1;
    while (bit < next_run_ && !is_run(stays, bit)) bit = static_cast<std::uint8_t>(bit << 1);
    if (bit == kTextRun) throw "more runs than bits";
    if (bit < next_run_) return bit;
    for (std::size_t byte = 0; byte < kBytes; ++byte) runs_[byte] |= stays[byte] ? bit : 0;
    next_run_ = static_cast<std::uint8_t>(bit << 1);
    return bit;
  }
  consteval bool is_run(const Set& stays, std::uint8_t bit) const {
    for (std::size_t byte = 0; byte < kBytes; ++byte) {
      if (((runs_[byte] & bit) != 0) != stays[byte]) return false;
    }
    return true;
  }

  std::array<std::uint8_t, kBytes> columns_{};
  std::array<std::uint8_t, kBytes> runs_{};
  std::uint8_t next_run_ = 1;
  std::array<Step, kStates * kColumns> steps_{};
  std::array<Step, kStates> starts_{};
};

}  // namespace zyphos::http1
