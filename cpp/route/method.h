// Method: a request's method as the router knows it, and sets of them. The nine that RFC 9110 (9.3)
// and RFC 5789 name have a place each; all others are `other`, which only a route for any method
// takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zyphos::route {

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  remove,  // DELETE
  connect,
  options,
  trace,
  patch,
  other
};
inline constexpr unsigned kMethodCount = 10;

// A bit for each Method, the first one's lowest.
using MethodSet = std::uint16_t;
inline constexpr MethodSet kAnyMethod = (1U << kMethodCount) - 1;

constexpr MethodSet set_of(Method method) {
  return static_cast<MethodSet>(1U << static_cast<unsigned>(method));
}

// By its name, which is case-sensitive (RFC 9110, 9.1); `other` for what has no place.
Method method_of(std::string_view name);

// What a route is declared for: one of the nine, or "*" for any. Empty: neither.
std::optional<MethodSet> methods_of(std::string_view word);

// As a list for Allow (RFC 9110, 10.2.1): "GET, HEAD". `other` has no name and is left out.
std::string allow_text(MethodSet methods);

}  // namespace zyphos::route
