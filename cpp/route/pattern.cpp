#include "route/pattern.h"

#include <algorithm>
#include <optional>

namespace zyphos::route {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// RFC 3986, 3.3: what a path's segment may hold, but for percent escapes.
bool is_pchar(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("-.~!$&'()*+,;=:@").contains(c);
}

bool is_name(std::string_view name) {
  return !name.empty() && is_letter(name[0]) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_escape(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && is_hex(text[1]) && is_hex(text[2]);
}

std::optional<std::string> wrong_literal(std::string_view text) {
  if (text == "." || text == "..") {
    return "a dot segment ('" + std::string(text) + "') never comes: clients resolve it";
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_pchar(text[i])) continue;
    if (text[i] == '{' || text[i] == '}') return "a parameter must be a whole segment";
    if (text[i] != '%') {
      return "no path has the character '" + std::string(1, text[i]) +
             "' in it: percent-encode it (RFC 3986, 3.3)";
    }
    if (!is_escape(text.substr(i))) return "'%' without two hexadecimal digits";
    i += 2;
  }
  return std::nullopt;
}

// The end of the segment that begins at `at`: the next slash outside of braces.
std::size_t segment_end(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '{') {
      ++depth;
    } else if (text[at] == '}') {
      depth -= depth > 0 ? 1 : 0;
    } else if (text[at] == '/' && depth == 0) {
      return at;
    }
  }
  return text.size();
}

using MaybeSegment = std::expected<Segment, std::string>;

// `inner`: what stands between the braces.
MaybeSegment read_parameter(std::string_view inner) {
  Segment made{.kind = SegmentKind::parameter, .text = {}, .name = {}};
  if (inner.starts_with('*')) {
    made.kind = SegmentKind::rest;
    inner.remove_prefix(1);
  } else if (const auto colon = inner.find(':'); colon != inner.npos) {
    made.kind = SegmentKind::regex;
    made.text = inner.substr(colon + 1);
    inner = inner.substr(0, colon);
    if (made.text.empty()) return std::unexpected("an empty expression");
    if (made.text.contains('/')) {
      return std::unexpected("an expression with '/', which no segment holds");
    }
  }
  if (!is_name(inner)) {
    return std::unexpected("'" + std::string(inner) + "' is no name for a parameter");
  }
  made.name = inner;
  return made;
}

MaybeSegment read_segment(std::string_view text) {
  if (text.starts_with('{') && text.ends_with('}')) {
    return read_parameter(text.substr(1, text.size() - 2));
  }
  if (const auto wrong = wrong_literal(text)) return std::unexpected(*wrong);
  return Segment{.kind = SegmentKind::literal, .text = std::string(text), .name = {}};
}

std::optional<std::string> wrong_whole(const Pattern& pattern) {
  const auto& all = pattern.segments;
  if (all.size() > kSegments_max) {
    return "more than " + std::to_string(kSegments_max) + " segments";
  }
  std::size_t parameters = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].kind == SegmentKind::literal) continue;
    ++parameters;
    if (all[i].kind == SegmentKind::rest && i + 1 != all.size()) {
      return "{*" + all[i].name + "} takes all that is left: nothing can follow it";
    }
    if (std::ranges::count(all, all[i].name, &Segment::name) > 1) {
      return "two parameters named '" + all[i].name + "'";
    }
  }
  if (parameters <= kParameters_max) return std::nullopt;
  return "more than " + std::to_string(kParameters_max) + " parameters";
}

}  // namespace

bool Pattern::is_static() const {
  return std::ranges::all_of(segments,
                             [](const Segment& s) { return s.kind == SegmentKind::literal; });
}

std::string Pattern::shape() const {
  std::string text;
  for (const Segment& segment : segments) {
    text += '/';
    switch (segment.kind) {
      case SegmentKind::literal: text += segment.text; break;
      case SegmentKind::regex: text += "{:" + segment.text + "}"; break;
      case SegmentKind::parameter: text += "{}"; break;
      case SegmentKind::rest: text += "{*}"; break;
    }
  }
  return text;
}

std::expected<Pattern, std::string> read_pattern(std::string_view text) {
  if (!text.starts_with('/')) return std::unexpected("it must begin with '/'");
  if (text.size() > kPattern_bytes_max) {
    return std::unexpected("more than " + std::to_string(kPattern_bytes_max) + " bytes");
  }
  Pattern pattern;
  for (std::size_t at = 1; at <= text.size();) {
    const std::size_t end = segment_end(text, at);
    auto segment = read_segment(text.substr(at, end - at));
    if (!segment) return std::unexpected(segment.error());
    pattern.segments.push_back(std::move(*segment));
    at = end + 1;
  }
  if (const auto wrong = wrong_whole(pattern)) return std::unexpected(*wrong);
  return pattern;
}

bool comes_before(const Pattern& a, const Pattern& b) {
  const std::size_t common = std::min(a.segments.size(), b.segments.size());
  for (std::size_t i = 0; i < common; ++i) {
    const Segment& one = a.segments[i];
    const Segment& other = b.segments[i];
    if (one.kind != other.kind) return one.kind < other.kind;
    if (one.text != other.text) return one.text < other.text;
  }
  return a.segments.size() < b.segments.size();
}

}  // namespace zyphos::route
