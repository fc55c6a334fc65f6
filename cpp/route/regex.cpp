#include "route/regex.h"

#include <algorithm>
#include <array>

#if ZYPHOS_HAVE_RE2
#include <re2/re2.h>
#endif

namespace zyphos::route {

#if ZYPHOS_HAVE_RE2

struct Regex::Compiled {
  explicit Compiled(const std::string& text, const RE2::Options& options) : re(text, options) {}
  RE2 re;
};

std::expected<Regex, std::string> Regex::make(const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(RE2::Options::EncodingLatin1);  // a path is bytes
  auto compiled = std::make_unique<Compiled>(text, options);
  if (!compiled->re.ok()) return std::unexpected("expression: " + compiled->re.error());
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view segment) const {
  return RE2::FullMatch({segment.data(), segment.size()}, compiled_->re);
}

std::string regex_lack() { return {}; }

#else

struct Regex::Compiled {};

std::expected<Regex, std::string> Regex::make(const std::string&) {
  return std::unexpected("expression: " + regex_lack());
}

bool Regex::matches(std::string_view) const { return false; }

std::string regex_lack() { return "built without RE2: install libre2-dev, and build again"; }

#endif

Regex::Regex(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool takes_everything(std::string_view text) {
  if (text.starts_with('^')) text.remove_prefix(1);
  if (text.ends_with('$')) text.remove_suffix(1);
  if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);
  constexpr std::array<std::string_view, 4> kAnything = {".*", ".+", "[^/]*", "[^/]+"};
  return std::ranges::find(kAnything, text) != kAnything.end();
}

}  // namespace zyphos::route
