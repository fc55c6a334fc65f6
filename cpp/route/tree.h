// Tree: the table's patterns as a tree of segments. What trie walks, and dfa is made of.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "route/table.h"

namespace zyphos::route {

struct TreeNode {
  struct Literal {
    std::string text;
    std::uint32_t child;
  };
  struct Expression {
    std::uint32_t regex;
    std::uint32_t child;
  };

  std::vector<Literal> literals;        // sorted by text
  std::vector<Expression> expressions;  // in the order in which they are tried
  std::uint32_t parameter = kNone;      // child for any segment that is not empty
  std::uint32_t rest = kNone;           // leaf for all that is left
  std::uint32_t leaf = kNone;           // for a path that ends here
};

// The first node is the root, before the path's first segment.
std::vector<TreeNode> make_tree(const Table& table);

}  // namespace zyphos::route
