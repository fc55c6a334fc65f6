// Dates of HTTP (RFC 9110, 5.6.7) to and from seconds since 1970. No clock; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace zyphos {

// "Sun, 06 Nov 1994 08:49:37 GMT"
inline constexpr std::size_t kHttpTime_bytes = 29;
using HttpTime = std::array<char, kHttpTime_bytes>;

// `unix_s`: UTC, years 0 to 9999; what is beyond is the nearest of them.
HttpTime http_time(std::int64_t unix_s);

// Any of the three forms that a recipient has to take: IMF-fixdate, RFC 850's, asctime's. A year of
// two digits is the one of that ending that is at most 50 years after `now_s`. None: no date.
std::optional<std::int64_t> parse_http_time(std::string_view text, std::int64_t now_s);

}  // namespace zyphos
