// Which of the encodings that a file lies there in a client would rather have (RFC 9110, 12.5.3).
// No allocation; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace zyphos::web {

struct Encoding {
  std::string_view name;    // of Content-Encoding; empty: none, the file itself
  std::string_view suffix;  // of the file's name
};

// Where a client likes several the same, in this order: smallest first, as they mostly are.
inline constexpr std::array<Encoding, 3> kEncodings{
    {{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}};

// Those that the client takes at least as gladly as the file itself, best first.
struct Preferences {
  std::array<const Encoding*, kEncodings.size()> best;
  std::size_t count = 0;
};

// `accept_encoding`: the field's value; empty: the file itself.
Preferences preferences(std::string_view accept_encoding);

}  // namespace zyphos::web
