// Trie: the tree of segments as it is, walked from the root; of a node's children the literal is
// tried first, and what is left of them where that leads nowhere.
#include <algorithm>

#include "route/kinds.h"
#include "route/leaf.h"
#include "route/tree.h"

namespace zyphos::route {
namespace {

class Trie final : public Router {
 public:
  explicit Trie(const Table& table)
      : table_(table), depth_(table.segments_max()), leaves_(table), nodes_(make_tree(table)) {}

  void find(Method method, std::string_view path, Match& match) const override {
    if (!begin_match(path, match)) return;
    Walk walk(method, path, match);
    split_path(path, depth_, walk.split);
    if (!from(nodes_[0], 0, walk)) end_match(match);
  }

  std::size_t memory_bytes() const override {
    std::size_t bytes = leaves_.memory_bytes() + nodes_.capacity() * sizeof(TreeNode);
    for (const TreeNode& node : nodes_) {
      bytes += node.literals.capacity() * sizeof(TreeNode::Literal) +
               node.expressions.capacity() * sizeof(TreeNode::Expression);
      for (const auto& literal : node.literals) {
        const std::size_t text = literal.text.capacity();
        if (text >= sizeof(std::string) / 2) bytes += text + 1;
      }
    }
    return bytes;
  }

 private:
  struct Walk {
    Walk(Method of, std::string_view on, Match& into) : method(of), path(on), match(into) {}

    Method method;
    std::string_view path;
    Match& match;
    Split split;
  };

  bool ends(std::uint32_t leaf, Walk& walk) const {
    if (leaf == kNone || !leaves_.take(leaf, walk.method, walk.match)) return false;
    leaves_.give_pieces(leaf, walk.path, walk.split, walk.match);
    return true;
  }

  // Whether the segments from i on lead to a leaf below the node. As deep as the pattern.
  bool from(const TreeNode& node, std::uint32_t i, Walk& walk) const {
    if (i == walk.split.count) return ends(node.leaf, walk);
    const std::string_view segment = walk.split.segment(walk.path.data(), i);
    const auto literal = std::ranges::lower_bound(
        node.literals, segment, {}, [](const auto& l) -> std::string_view { return l.text; });
    if (literal != node.literals.end() && literal->text == segment &&
        from(nodes_[literal->child], i + 1, walk)) {
      return true;
    }
    if (!segment.empty() && by_parameter(node, segment, i, walk)) return true;
    return walk.split.slash[i] + 1 < walk.path.size() && ends(node.rest, walk);
  }

  bool by_parameter(const TreeNode& node, std::string_view segment, std::uint32_t i,
                    Walk& walk) const {
    for (const auto& one : node.expressions) {
      if (table_.regex(one.regex).matches(segment) && from(nodes_[one.child], i + 1, walk)) {
        return true;
      }
    }
    return node.parameter != kNone && from(nodes_[node.parameter], i + 1, walk);
  }

  const Table& table_;
  std::uint32_t depth_;
  Leaves leaves_;
  std::vector<TreeNode> nodes_;
};

}  // namespace

std::unique_ptr<Router> make_trie(const Table& table) { return std::make_unique<Trie>(table); }

}  // namespace zyphos::route
