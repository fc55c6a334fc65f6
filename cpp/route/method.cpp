#include "route/method.h"

#include <algorithm>
#include <array>

namespace zyphos::route {
namespace {

constexpr std::array<std::string_view, kMethodCount - 1> kNames = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

}  // namespace

Method method_of(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  return static_cast<Method>(found - kNames.begin());
}

std::optional<MethodSet> methods_of(std::string_view word) {
  if (word == "*") return kAnyMethod;
  const Method method = method_of(word);
  if (method == Method::other) return std::nullopt;
  return set_of(method);
}

std::string allow_text(MethodSet methods) {
  std::string text;
  for (unsigned i = 0; i < kNames.size(); ++i) {
    if ((methods >> i & 1) == 0) continue;
    if (!text.empty()) text += ", ";
    text += kNames[i];
  }
  return text;
}

}  // namespace zyphos::route
