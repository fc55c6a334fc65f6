#include "route/in_turn.h"

namespace zyphos::route {

void InTurn::add(const Pattern& pattern, std::uint32_t leaf) {
  Entry entry{.leaf = leaf,
              .segments = static_cast<std::uint32_t>(pattern.segments.size()),
              .parameters = 0,
              .rest = pattern.segments.back().kind == SegmentKind::rest,
              .literals = {}};
  for (std::uint32_t i = 0; i < entry.segments; ++i) {
    const Segment& segment = pattern.segments[i];
    if (segment.kind == SegmentKind::literal) {
      entry.literals.push_back({i, segment.text});
    } else if (segment.kind != SegmentKind::rest) {
      entry.parameters |= 1U << i;
    }
  }
  entries_.push_back(std::move(entry));
}

bool InTurn::fits(const Entry& entry, std::string_view path, const Split& split) {
  if (entry.rest) {
    if (split.count < entry.segments) return false;
    if (split.slash[entry.segments - 1] + 1 == path.size()) return false;  // nothing is left
  } else if (split.count != entry.segments) {
    return false;
  }
  for (const Literal& literal : entry.literals) {
    if (split.segment(path.data(), literal.segment) != literal.text) return false;
  }
  for (std::uint32_t bits = entry.parameters; bits != 0; bits &= bits - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(bits));
    if (split.slash[i] + 1 == split.slash[i + 1]) return false;
  }
  return true;
}

bool InTurn::find(Method method, std::string_view path, const Split& split, const Leaves& leaves,
                  Match& match) const {
  for (const Entry& entry : entries_) {
    if (!fits(entry, path, split) || !leaves.checks(entry.leaf, path, split)) continue;
    if (!leaves.take(entry.leaf, method, match)) continue;
    leaves.give_pieces(entry.leaf, path, split, match);
    return true;
  }
  return false;
}

std::size_t InTurn::memory_bytes() const {
  std::size_t bytes = entries_.capacity() * sizeof(Entry);
  for (const Entry& entry : entries_) {
    bytes += entry.literals.capacity() * sizeof(Literal);
    for (const Literal& literal : entry.literals) {
      if (literal.text.capacity() >= sizeof(std::string) / 2) bytes += literal.text.capacity() + 1;
    }
  }
  return bytes;
}

}  // namespace zyphos::route
