// Words: `key=value` options as one table of names, shared by the programs' command lines and the
// Python binding. Knows nothing of what the options are for.
#pragma once

#include <concepts>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "net/options.h"

namespace zyphos {

class Words {
 public:
  using Result = std::expected<void, std::string>;
  // `value` is what stands behind '='. Error: "must be ...".
  using Set = std::function<Result(std::string_view value)>;
  // `name` is what the '*' of the key stands for.
  using SetNamed = std::function<Result(std::string_view name, std::string_view value)>;

  void add(std::string key, std::string help, Set set);
  // Key with one '*' at its end: "header.*".
  void add_family(std::string prefix, std::string help, SetNamed set);

  void text(std::string key, std::string help, std::string& out);
  void choice(std::string key, std::string help, std::string& out, std::vector<std::string> names);
  void flag(std::string key, std::string help, bool& out);
  void real(std::string key, std::string help, double& out, double above);
  // Comma-separated whole numbers, 0 or more; empty: none.
  void list(std::string key, std::string help, std::vector<int>& out);
  // "socket.tcp_nodelay", ...: the names of net/options.h for a program of this role.
  void socket(SocketOptions& out, SocketRole role);
  // Whole numbers from `least` on, as far as the type goes.
  template <std::integral T>
  void number(std::string key, std::string help, T& out, T least) {
    add_number(std::move(key), std::move(help), static_cast<std::int64_t>(least), limit<T>(),
               [&out](std::int64_t value) { out = static_cast<T>(value); });
  }
  template <std::integral T>
  void number(std::string key, std::string help, std::optional<T>& out, T least) {
    add_number(std::move(key), std::move(help), static_cast<std::int64_t>(least), limit<T>(),
               [&out](std::int64_t value) { out = static_cast<T>(value); });
  }

  // One `key=value`. Error: one line, with "did you mean" for an unknown key.
  Result apply(std::string_view word) const;
  Result apply(std::string_view key, std::string_view value) const;
  // One line for each option.
  std::string help() const;

 private:
  struct Option {
    std::string key;
    std::string help;
    SetNamed set;
    bool family = false;
  };

  template <std::integral T>
  static constexpr std::int64_t limit() {
    if constexpr (sizeof(T) >= sizeof(std::int64_t))
      return std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(std::numeric_limits<T>::max());
  }
  void add_number(std::string key, std::string help, std::int64_t least, std::int64_t most,
                  std::function<void(std::int64_t)> set);
  std::string unknown(std::string_view key) const;

  std::vector<Option> options_;
};

// Changes of one character (insert, delete, replace, swap of neighbours) from one text to the
// other. O(a * b).
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace zyphos
