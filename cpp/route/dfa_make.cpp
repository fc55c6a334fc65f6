// The automaton out of the tree: sets of nodes become states (the subset construction of Rabin and
// Scott, 1959), and literals find their places.
#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "base/random.h"
#include "route/dfa.h"
#include "route/tree.h"

namespace zyphos::route::dfa {
namespace {

// What a path may have become: at a node; or in the rest that a node takes, of which there is
// something, or nothing yet (an empty segment has come, and more must).
enum class Where : std::uint8_t { node, rest, rest_to_come };

struct Member {
  std::uint32_t node;
  Where where;
  auto operator<=>(const Member&) const = default;
};
using Members = std::vector<Member>;  // sorted

struct HashOfMembers {
  std::size_t operator()(const Members& members) const {
    std::uint64_t sum = members.size();
    for (const Member& one : members) {
      sum = (sum ^ (one.node * 3ULL + static_cast<std::uint64_t>(one.where))) * 0x9e3779b97f4a7c15;
      sum ^= sum >> 29;
    }
    return sum;
  }
};

struct Branch {
  std::string text;
  std::uint32_t next;
};

constexpr std::uint32_t kTried_max = 64;  // factors
constexpr std::size_t kSought_max = 64;   // literals for which a factor is sought
constexpr std::uint32_t kFirstState = 1;

class Maker {
 public:
  Maker(const Table& table, std::size_t states_max)
      : states_max_(states_max), tree_(make_tree(table)) {
    made_.states.emplace_back();
  }

  std::expected<Automaton, std::string> make() {
    state_of({{0, Where::node}});
    for (std::uint32_t at = kFirstState; at < made_.states.size(); ++at) {
      expand(at);
      if (made_.states.size() > states_max_) {
        return std::unexpected("the automaton of " + std::to_string(tree_.size()) +
                               " nodes would have more than " + std::to_string(states_max_) +
                               " states: take another kind of router");
      }
    }
    made_.states.shrink_to_fit();
    made_.slots.shrink_to_fit();
    return std::move(made_);
  }

 private:
  std::uint32_t state_of(Members members) {
    if (members.empty()) return 0;
    const auto next = static_cast<std::uint32_t>(made_.states.size());
    const auto [found, is_new] = numbers_.try_emplace(std::move(members), next);
    if (is_new) {
      made_.states.emplace_back();
      members_.push_back(&found->first);
    }
    return found->second;
  }

  std::uint32_t offset_of(Members members) {
    return state_of(std::move(members)) * static_cast<std::uint32_t>(sizeof(State));
  }

  void expand(std::uint32_t at) {
    const Members& members = *members_[at - kFirstState];
    State state;
    state.other = offset_of(after(members, nullptr, false));
    state.empty = offset_of(after(members, nullptr, true));
    put_ends(state, members);
    std::set<std::string> texts;
    for (const Member& one : members) {
      if (one.where != Where::node) continue;
      for (const auto& literal : tree_[one.node].literals) texts.insert(literal.text);
    }
    std::vector<Branch> branches;
    for (const std::string& text : texts) {
      branches.push_back({text, offset_of(after(members, &text, text.empty()))});
    }
    put_branches(state, branches);
    made_.states[at] = state;
  }

  // What members become by a segment: the literal, or any other that is empty or not.
  Members after(const Members& members, const std::string* literal, bool empty) const {
    Members next;
    for (const Member& one : members) {
      if (one.where != Where::node) {
        next.push_back({one.node, Where::rest});
        continue;
      }
      const TreeNode& node = tree_[one.node];
      if (literal != nullptr) add_literal(node, *literal, next);
      if (!empty) {
        for (const auto& expression : node.expressions) {
          next.push_back({expression.child, Where::node});
        }
        if (node.parameter != kNone) next.push_back({node.parameter, Where::node});
      }
      if (node.rest != kNone) {
        next.push_back({one.node, empty ? Where::rest_to_come : Where::rest});
      }
    }
    std::ranges::sort(next);
    const auto doubled = std::ranges::unique(next);
    next.erase(doubled.begin(), doubled.end());
    return next;
  }

  static void add_literal(const TreeNode& node, const std::string& text, Members& next) {
    const auto found = std::ranges::lower_bound(node.literals, text, {}, &TreeNode::Literal::text);
    if (found == node.literals.end() || found->text != text) return;
    next.push_back({found->child, Where::node});
  }

  // The leaves at which a path may end here, the most specific first.
  void put_ends(State& state, const Members& members) {
    std::vector<std::uint32_t> leaves;
    for (const Member& one : members) {
      if (one.where == Where::rest_to_come) continue;
      const TreeNode& node = tree_[one.node];
      const std::uint32_t leaf = one.where == Where::rest ? node.rest : node.leaf;
      if (leaf != kNone) leaves.push_back(leaf);
    }
    if (leaves.size() <= 1) {
      state.leaf = leaves.empty() ? kNone : leaves[0];
      return;
    }
    std::ranges::sort(leaves);
    state.kind = State::kSeveral;
    state.leaf = static_cast<std::uint32_t>(made_.ends.size());
    made_.ends.push_back(static_cast<std::uint32_t>(leaves.size()));
    made_.ends.insert(made_.ends.end(), leaves.begin(), leaves.end());
  }

  void put_branches(State& state, const std::vector<Branch>& branches) {
    if (branches.empty()) return;
    std::vector<Word> words;
    for (const Branch& branch : branches) words.push_back(padded_word(branch.text));
    unsigned bits = 1;
    while ((std::size_t{1} << bits) < 2 * branches.size()) ++bits;
    bits = seek_factor(state, words, bits);
    std::vector<Slot> slots(std::size_t{1} << bits);
    for (std::size_t i = 0; i < branches.size(); ++i) {
      place(place_of(state, words[i]), slots,
            {words[i].first, words[i].last, slot_size(words[i].size), branches[i].next,
             text_at(branches[i].text), inside(words[i].size) > 0 ? Slot::kText : 0U});
    }
    state.slots = static_cast<std::uint32_t>(made_.slots.size());
    made_.slots.insert(made_.slots.end(), slots.begin(), slots.end());
  }

  static Word padded_word(std::string text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    text.resize(text.size() + sizeof(std::uint64_t));
    return word_of(text.data(), size);
  }

  std::uint32_t text_at(const std::string& text) {
    const auto at = static_cast<std::uint32_t>(made_.texts.size());
    if (text.size() > kWhole_bytes_max) made_.texts += text;
    return at;
  }

  // A factor by which no two words have one place, in a table of so many bits or twice that; else
  // any. Returns the bits.
  unsigned seek_factor(State& state, const std::vector<Word>& words, unsigned bits) {
    for (unsigned more = 0; more < 2 && words.size() <= kSought_max; ++more) {
      state.shift = static_cast<std::uint8_t>(64 - bits - more);
      for (std::uint32_t i = 0; i < kTried_max; ++i) {
        state.factor = random_.next() | 1;
        if (is_perfect(state, words, std::size_t{1} << (bits + more))) return bits + more;
      }
    }
    state.shift = static_cast<std::uint8_t>(64 - bits);
    state.factor = random_.next() | 1;
    return bits;
  }

  static bool is_perfect(const State& state, const std::vector<Word>& words, std::size_t size) {
    std::vector<bool> taken(size);
    for (const Word& word : words) {
      const std::uint64_t place = place_of(state, word);
      if (taken[place]) return false;
      taken[place] = true;
    }
    return true;
  }

  // At its place, or the next that is free; it grows at its end where that is beyond it.
  static void place(std::size_t at, std::vector<Slot>& slots, const Slot& slot) {
    while (slots[at].size != Slot::kFree) {
      slots[at].more |= Slot::kFurther;
      if (++at == slots.size()) slots.emplace_back();
    }
    slots[at] = slot;
  }

  std::size_t states_max_;
  std::vector<TreeNode> tree_;
  Automaton made_;
  std::unordered_map<Members, std::uint32_t, HashOfMembers> numbers_;
  std::vector<const Members*> members_;  // by state, from the first one on
  Random random_{12};                    // the same tables each time
};

}  // namespace

std::expected<Automaton, std::string> make_automaton(const Table& table, std::size_t states_max) {
  return Maker(table, states_max).make();
}

}  // namespace zyphos::route::dfa
