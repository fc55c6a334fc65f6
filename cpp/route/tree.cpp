#include "route/tree.h"

namespace zyphos::route {
namespace {

class Maker {
 public:
  explicit Maker(const Table& table) : table_(table) { nodes_.emplace_back(); }

  std::vector<TreeNode> make() {
    const auto shapes = table_.shapes();
    for (std::uint32_t i = 0; i < shapes.size(); ++i) add(shapes[i], i);
    return std::move(nodes_);
  }

 private:
  std::uint32_t new_node() {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  void add(const Shape& shape, std::uint32_t leaf) {
    std::uint32_t at = 0;
    const auto& segments = shape.pattern.segments;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      switch (segments[i].kind) {
        case SegmentKind::literal: at = literal(at, segments[i].text); break;
        case SegmentKind::regex: at = expression(at, shape.regexes[i]); break;
        case SegmentKind::parameter: at = parameter(at); break;
        case SegmentKind::rest: nodes_[at].rest = leaf; return;
      }
    }
    nodes_[at].leaf = leaf;
  }

  // Shapes come in their order, so that what is wanted is the last one or new.
  std::uint32_t literal(std::uint32_t at, const std::string& text) {
    const auto& all = nodes_[at].literals;
    if (!all.empty() && all.back().text == text) return all.back().child;
    const std::uint32_t child = new_node();
    nodes_[at].literals.push_back({text, child});
    return child;
  }

  std::uint32_t expression(std::uint32_t at, std::uint32_t regex) {
    const auto& all = nodes_[at].expressions;
    if (!all.empty() && all.back().regex == regex) return all.back().child;
    const std::uint32_t child = new_node();
    nodes_[at].expressions.push_back({regex, child});
    return child;
  }

  std::uint32_t parameter(std::uint32_t at) {
    if (nodes_[at].parameter != kNone) return nodes_[at].parameter;
    const std::uint32_t child = new_node();
    nodes_[at].parameter = child;
    return child;
  }

  const Table& table_;
  std::vector<TreeNode> nodes_;
};

}  // namespace

std::vector<TreeNode> make_tree(const Table& table) { return Maker(table).make(); }

}  // namespace zyphos::route
