// Leaf: what a lookup ends at, in 16 bytes, the same for every kind of router. Leaf i is shape i of
// the table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "route/router.h"
#include "route/split.h"

namespace zyphos::route {

struct Leaf {
  static constexpr std::uint64_t kAbsent = 15;
  static constexpr std::uint64_t kRest = 1ULL << 63;  // its last parameter takes all that is left
  static constexpr std::uint64_t kChecked = 1ULL << 62;  // it has expressions

  std::uint64_t methods;     // 4 bits for each method: which of its routes, or kAbsent
  std::uint32_t first;       // of its routes
  std::uint32_t parameters;  // a bit for each segment that is one

  std::uint64_t which(Method method) const {
    return methods >> (4 * static_cast<unsigned>(method)) & kAbsent;
  }
  MethodSet allow() const;
};

class Leaves {
 public:
  explicit Leaves(const Table& table);

  const Leaf& operator[](std::uint32_t i) const { return leaves_[i]; }

  // Whether the path's segments match the leaf's expressions. Nothing else is looked at.
  bool checks(std::uint32_t leaf, std::string_view path, const Split& split) const;

  // Whether the leaf has a route for the method: then the match is made, but for its pieces. If
  // not, what it has is added to `match.allow`.
  [[gnu::always_inline]] bool take(std::uint32_t number, Method method, Match& match) const {
    const Leaf& leaf = leaves_[number];
    const std::uint64_t which = leaf.which(method);
    if (which == Leaf::kAbsent) [[unlikely]] {
      match.allow = static_cast<MethodSet>(match.allow | leaf.allow());
      return false;
    }
    match.outcome = Outcome::found;
    match.route = routes_[leaf.first + which];
    return true;
  }

  // The pieces of a match whose segments are known.
  [[gnu::always_inline]] void give_pieces(std::uint32_t number, std::string_view path,
                                          const Split& split, Match& match) const {
    const Leaf& leaf = leaves_[number];
    std::uint32_t count = 0;
    for (std::uint32_t bits = leaf.parameters; bits != 0; bits &= bits - 1) {
      const auto i = static_cast<std::uint32_t>(std::countr_zero(bits));
      const std::uint32_t at = split.slash[i] + 1;
      match.pieces[count++] = {at, split.slash[i + 1] - at};
    }
    if ((leaf.methods & Leaf::kRest) != 0) {
      Match::Piece& last = match.pieces[count - 1];
      last.size = static_cast<std::uint32_t>(path.size()) - last.at;
    }
    match.count = count;
    match.path = path.data();
  }

  std::size_t memory_bytes() const {
    return leaves_.size() * sizeof(Leaf) + routes_.size() * sizeof(std::uint32_t);
  }

 private:
  const Table& table_;
  std::vector<Leaf> leaves_;
  std::vector<std::uint32_t> routes_;
};

// Before anything is tried.
[[gnu::always_inline]] inline bool begin_match(std::string_view path, Match& match) {
  match.outcome = Outcome::no_path;
  match.allow = 0;
  return !path.empty() && path[0] == '/';
}

// When all that fits has been tried in vain.
[[gnu::always_inline]] inline void end_match(Match& match) {
  if (match.allow != 0) match.outcome = Outcome::no_method;
}

}  // namespace zyphos::route
