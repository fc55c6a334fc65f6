#include "protocol/handler.h"

#include <algorithm>

namespace zyphos {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const Header* RequestHead::find(std::string_view name) const {
  for (const Header& header : headers) {
    if (same_name(header.name, name)) return &header;
  }
  return nullptr;
}

}  // namespace zyphos
