// InTurn: patterns tried one after another, in their order. What linear is, and what hash does with
// all that has parameters; the rule by which the others are tested.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "route/leaf.h"

namespace zyphos::route {

class InTurn {
 public:
  // Those of the table's shapes that `wanted(pattern)`.
  template <class Wanted>
  InTurn(const Table& table, Wanted wanted) {
    const auto shapes = table.shapes();
    for (std::uint32_t i = 0; i < shapes.size(); ++i) {
      if (wanted(shapes[i].pattern)) add(shapes[i].pattern, i);
    }
  }

  // Whether one took the path, made in `match` then.
  bool find(Method method, std::string_view path, const Split& split, const Leaves& leaves,
            Match& match) const;

  std::size_t memory_bytes() const;

 private:
  struct Literal {
    std::uint32_t segment;
    std::string text;
  };
  struct Entry {
    std::uint32_t leaf;
    std::uint32_t segments;
    std::uint32_t parameters;  // a bit for each segment that must hold something
    bool rest;
    std::vector<Literal> literals;
  };

  void add(const Pattern& pattern, std::uint32_t leaf);
  static bool fits(const Entry& entry, std::string_view path, const Split& split);

  std::vector<Entry> entries_;
};

}  // namespace zyphos::route
