#include "app/web/fields.h"

namespace zyphos::web {
namespace {

constexpr int kFull = 1000;

// Digits behind the point, three at most, in thousandths; -1: something else.
int thousandths(std::string_view digits) {
  int value = 0;
  int place = kFull / 10;
  for (const char c : digits) {
    if (c < '0' || c > '9' || place == 0) return -1;
    value += place * (c - '0');
    place /= 10;
  }
  return value;
}

// "0.5" in thousandths (RFC 9110, 12.4.2); 0 where it is malformed: what is not understood is not
// sent.
int weight(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  const int whole = (text[0] - '0') * kFull;
  if (text.size() == 1) return whole;
  const int rest = text[1] == '.' ? thousandths(text.substr(2)) : -1;
  return rest < 0 || whole + rest > kFull ? 0 : whole + rest;
}

}  // namespace

Weighted take_weighted(std::string_view& list) {
  std::string_view item = take_item(list, ',');
  Weighted found{.name = take_item(item, ';'), .weight = kFull};
  while (!item.empty()) {
    const std::string_view parameter = take_item(item, ';');
    if (parameter.size() > 1 && lower(parameter[0]) == 'q' && parameter[1] == '=') {
      found.weight = weight(parameter.substr(2));
    }
  }
  return found;
}

}  // namespace zyphos::web
