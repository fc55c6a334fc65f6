// Regex: an expression that a whole segment must match. It runs on RE2, whose time is linear in the
// segment whatever the expression: no path can make it backtrack. Its syntax is RE2's, which has no
// back references for that reason.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace zyphos::route {

// Thread safety: one may be asked by several threads at once.
class Regex {
 public:
  // Error: one line. Where the lab was built without RE2, that it was.
  static std::expected<Regex, std::string> make(const std::string& text);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // Linear in the segment's length. RE2 allocates while it learns its states, then no more.
  bool matches(std::string_view segment) const;

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

// Why there are no expressions here; empty: there are.
std::string regex_lack();

// Whether the expression is one of the ways to write "anything": by its text alone.
bool takes_everything(std::string_view text);

}  // namespace zyphos::route
