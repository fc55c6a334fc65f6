// Pieces of field values that several readers of them share: case, white space, lists, weights.
#pragma once

#include <algorithm>
#include <string_view>

namespace zyphos::web {

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// ASCII, without case.
inline bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// Without blanks and tabs at its ends.
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes what stands before the next `separator` off the front, trimmed.
inline std::string_view take_item(std::string_view& list, char separator) {
  const std::string_view item = list.substr(0, list.find(separator));
  list.remove_prefix(std::min(item.size() + 1, list.size()));
  return trimmed(item);
}

// An item of Accept or Accept-Encoding.
struct Weighted {
  std::string_view name;
  int weight;  // its q in thousandths, 0: not acceptable
};

// Takes the next one off the front of a list; an empty name: an empty item.
Weighted take_weighted(std::string_view& list);

}  // namespace zyphos::web
