// A choice between values that have names, as a word.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tool/words.h"

namespace zyphos {

template <class T>
using Names = std::vector<std::pair<std::string_view, T>>;

// `Out` takes a T; `names` and `out` outlive the table.
template <class T, class Out>
void choose(Words& words, std::string key, std::string help, const Names<T>& names, Out& out) {
  words.add(std::move(key), std::move(help), [&names, &out](std::string_view value) {
    const auto found = std::ranges::find(names, value, &std::pair<std::string_view, T>::first);
    if (found != names.end()) {
      out = found->second;
      return Words::Result{};
    }
    std::string message = "must be one of";
    for (const auto& [name, meaning] : names) message += " " + std::string(name);
    return Words::Result{std::unexpected(message)};
  });
}

}  // namespace zyphos
