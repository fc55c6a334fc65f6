// A word for a value of an enumeration whose names stand in an array, in its order.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "tool/words.h"

namespace zyphos {

// `names` and `out` outlive the table.
template <class T, std::size_t N>
void ordered(Words& words, std::string key, std::string help, T& out,
             const std::array<std::string_view, N>& names) {
  words.add(std::move(key), std::move(help),
            [&out, &names](std::string_view value) -> Words::Result {
              const auto found = std::ranges::find(names, value);
              if (found != names.end()) {
                out = static_cast<T>(found - names.begin());
                return {};
              }
              std::string message = "must be one of";
              for (const std::string_view name : names) message += " " + std::string(name);
              return std::unexpected(message);
            });
}

}  // namespace zyphos
