#include "app/web/fields.h"

namespace zyphos::web {
namespace {

constexpr int kFull = 1000;

// "q=0.5" in thousandths (RFC 9110, 12.4.2); 0 where it is malformed: what is not understood is
// not sent.
int weight(std::string_view text) {
  if (text.size() < 3 || lower(text[0]) != 'q' || text[1] != '=') return 0;
  text.remove_prefix(2);
  if (text.size() > 5 || (text.size() > 1 && text[1] != '.')) return 0;
  if (text[0] != '0' && text[0] != '1') return 0;
  int value = (text[0] - '0') * kFull;
  int place = kFull / 10;
  for (const char c : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (c < '0' || c > '9') return 0;
    value += place * (c - '0');
    place /= 10;
  }
  return value > kFull ? 0 : value;
}

}  // namespace

Weighted take_weighted(std::string_view& list) {
  std::string_view item = take_item(list, ',');
  Weighted found{.name = take_item(item, ';'), .weight = kFull};
  while (!item.empty()) {
    const std::string_view parameter = take_item(item, ';');
    if (parameter.size() > 1 && lower(parameter[0]) == 'q' && parameter[1] == '=') {
      found.weight = weight(parameter);
    }
  }
  return found;
}

}  // namespace zyphos::web
