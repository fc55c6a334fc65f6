#include "app/web/encoding.h"

#include <algorithm>

#include "app/web/fields.h"

namespace zyphos::web {
namespace {

constexpr int kUnsaid = -1;

// As one name for gzip is another's (RFC 9110, 8.4.1.3).
bool names(std::string_view coding, std::string_view name) {
  return same(coding, name) || (name == "gzip" && same(coding, "x-gzip"));
}

struct Weights {
  std::array<int, kEncodings.size()> of{kUnsaid, kUnsaid, kUnsaid};
  int identity = kUnsaid;
  int others = kUnsaid;

  void take(const Weighted& item) {
    if (item.name == "*") others = item.weight;
    if (same(item.name, "identity")) identity = item.weight;
    for (std::size_t i = 0; i < of.size(); ++i) {
      if (names(item.name, kEncodings[i].name)) of[i] = item.weight;
    }
  }
};

}  // namespace

Preferences preferences(std::string_view accept_encoding) {
  Weights weights;
  while (!accept_encoding.empty()) weights.take(take_weighted(accept_encoding));
  // The file itself is acceptable unless it is named: gladly in no case more than what is.
  const int identity = std::max(weights.identity, 0);
  Preferences found;
  for (std::size_t i = 0; i < kEncodings.size(); ++i) {
    int& own = weights.of[i];
    if (own == kUnsaid) own = weights.others;
    if (own > 0 && own >= identity) found.best[found.count++] = &kEncodings[i];
  }
  const auto weight_of = [&](const Encoding* encoding) {
    return weights.of[static_cast<std::size_t>(encoding - kEncodings.data())];
  };
  std::ranges::stable_sort(found.best.begin(),
                           found.best.begin() + static_cast<std::ptrdiff_t>(found.count),
                           std::ranges::greater{}, weight_of);
  return found;
}

}  // namespace zyphos::web
