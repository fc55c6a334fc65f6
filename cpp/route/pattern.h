// Pattern: what paths a route takes, as its author writes it, read into segments:
//
//   /users/{id}/keys       {id} is one segment, whatever it holds but nothing
//   /users/{id:[0-9]+}     the same, if the whole segment matches the expression (regex.h)
//   /static/{*path}        at the end: all that is left, slashes too, but not nothing
//
// A parameter is a whole segment. Everything else is literal and compared byte by byte with the
// path as it was sent: nothing is percent-decoded before, so that an encoded slash never splits a
// segment and "%61" is not "a". A slash at the end makes an empty last segment: "/a/" is not "/a".
//
// Dot segments are not resolved: "." and ".." are what a segment happens to hold, and a parameter
// may be "..". Who makes a file's name of one must refuse it (value.h says when).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace zyphos::route {

inline constexpr std::size_t kSegments_max = 32;
inline constexpr std::size_t kParameters_max = 16;
inline constexpr std::size_t kPattern_bytes_max = 2048;

// In the order in which they are tried where several fit a path's segment.
enum class SegmentKind : std::uint8_t { literal, regex, parameter, rest };

struct Segment {
  SegmentKind kind = SegmentKind::literal;
  std::string text;  // the literal, or the expression
  std::string name;  // the parameter's
};

struct Pattern {
  std::vector<Segment> segments;

  bool is_static() const;
  // The same for patterns that take the same paths: without the parameters' names.
  std::string shape() const;
};

// Error: one line that says what is wrong, without the pattern.
std::expected<Pattern, std::string> read_pattern(std::string_view text);

// Whether `a` is tried before `b` where both fit a path: the first segment in which they differ
// decides, by its kind. Expressions that differ: by their text, so that the order is total.
bool comes_before(const Pattern& a, const Pattern& b);

}  // namespace zyphos::route
