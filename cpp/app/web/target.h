// A request's target to the path of a file below the root: percent-decoded, without empty and "."
// segments. What could leave the root, or is no honest path, is refused, never mended. Knows no
// files. No allocation; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zyphos::web {

enum class TargetState : std::uint8_t {
  good,
  bad,     // no path: "*", a wrong escape, NUL or a control character, a backslash
  escape,  // a ".." segment, or a slash that was hidden in an escape
  hidden,  // a segment begins with a dot
  too_long,
};

// A path relative to the root, with a NUL behind it: "" is the root itself.
class Target {
 public:
  static constexpr std::size_t kPath_bytes_max = 1024;

  // `target` as it stands on the request line, or in absolute form.
  static TargetState read(std::string_view target, bool dotfiles, Target& out);

  std::string_view path() const { return {path_.data(), size_}; }
  const char* c_str() const { return path_.data(); }
  // It ended with a slash: a folder is meant.
  bool folder() const { return folder_; }
  // Behind the question mark, as it came.
  std::string_view query() const { return query_; }

 private:
  TargetState segment(std::string_view text, bool dotfiles);
  TargetState named(std::size_t before, std::string_view name, bool dotfiles);

  std::array<char, kPath_bytes_max + 1> path_;
  std::size_t size_ = 0;
  bool folder_ = true;
  std::string_view query_;
};

// The value of a name in a query (application/x-www-form-urlencoded), decoded; empty: it is not
// there. O(query).
std::string form_value(std::string_view query, std::string_view name);

// Every byte but letters, digits and "-._~/" as %XX.
std::string escape_path(std::string_view path);

}  // namespace zyphos::web
