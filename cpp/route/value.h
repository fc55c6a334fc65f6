// A parameter's value as the application wants it: its percent escapes decoded, once. The router
// has split the path before, so that a decoded slash is a part of the value and never of the path;
// who makes a file's name of a value asks is_plain_name() of what was decoded, not of what was
// sent.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace zyphos::route {

// Into `out`, which it must fit undecoded (out.size() >= raw.size()), and which is not where `raw`
// is; kReadPadding readable bytes follow `raw`, as they do any part of a path. Nothing: a '%'
// without two hexadecimal digits, or no room. Allocates nothing.
std::optional<std::string_view> decode_value(std::string_view raw, std::span<char> out);

// Whether a decoded value names something in a folder and nothing beside or above it: not empty,
// no "." or "..", no slash, backslash or NUL in it.
bool is_plain_name(std::string_view value);

}  // namespace zyphos::route
