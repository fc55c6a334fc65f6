#include "route/leaf.h"

#include <algorithm>

namespace zyphos::route {
namespace {

Leaf leaf_of(const Shape& shape, std::vector<std::uint32_t>& routes) {
  Leaf leaf{.methods = 0, .first = static_cast<std::uint32_t>(routes.size()), .parameters = 0};
  for (unsigned i = 0; i < kMethodCount; ++i) {
    std::uint64_t which = Leaf::kAbsent;
    if (const std::uint32_t route = shape.routes[i]; route != kNone) {
      const auto mine = std::span(routes).subspan(leaf.first);
      const auto found = std::ranges::find(mine, route);
      which = static_cast<std::uint64_t>(found - mine.begin());
      if (found == mine.end()) routes.push_back(route);
    }
    leaf.methods |= which << (4 * i);
  }
  const auto& segments = shape.pattern.segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].kind != SegmentKind::literal) leaf.parameters |= 1U << i;
    if (segments[i].kind == SegmentKind::rest) leaf.methods |= Leaf::kRest;
    if (segments[i].kind == SegmentKind::regex) leaf.methods |= Leaf::kChecked;
  }
  return leaf;
}

}  // namespace

MethodSet Leaf::allow() const {
  MethodSet set = 0;
  for (unsigned i = 0; i < kMethodCount; ++i) {
    const auto method = static_cast<Method>(i);
    if (which(method) != kAbsent) set = static_cast<MethodSet>(set | set_of(method));
  }
  return set;
}

Leaves::Leaves(const Table& table) : table_(table) {
  leaves_.reserve(table.shapes().size());
  for (const Shape& shape : table.shapes()) leaves_.push_back(leaf_of(shape, routes_));
  routes_.shrink_to_fit();
}

bool Leaves::checks(std::uint32_t leaf, std::string_view path, const Split& split) const {
  const auto& regexes = table_.shapes()[leaf].regexes;
  for (std::uint32_t i = 0; i < regexes.size(); ++i) {
    if (regexes[i] == kNone) continue;
    if (!table_.regex(regexes[i]).matches(split.segment(path.data(), i))) return false;
  }
  return true;
}

}  // namespace zyphos::route
