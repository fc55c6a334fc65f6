// What a request asks of a representation before it gets it: preconditions (RFC 9110, 13) and the
// part it wants (14). Knows no files; the times and tags come in. No allocation; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/handler.h"

namespace zyphos::web {

// What a representation is known by.
struct Validators {
  std::string_view etag;  // quoted and strong; empty: it has none
  std::optional<std::int64_t> modified_s;
};

// The request's fields that this is about, found in one pass.
struct Asked {
  explicit Asked(std::span<const Header> headers);

  std::string_view if_match;
  std::string_view if_none_match;
  std::string_view if_modified_since;
  std::string_view if_unmodified_since;
  std::string_view if_range;
  std::string_view range;
  std::string_view accept;
  std::string_view accept_encoding;
  std::string_view referer;
  std::string_view user_agent;
  // A list field on several lines is one list: its further lines, which are rare, are looked up.
  std::span<const Header> headers;
};

enum class Verdict : std::uint8_t { proceed, not_modified, failed };

// RFC 9110, 13.2.2, steps 1 to 4, for GET and HEAD. `now_s` is for dates with years of two digits.
Verdict judge(const Asked& asked, const Validators& validators, std::int64_t now_s);

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

// Of a file, more pieces than anyone needs are refused by being ignored: the whole file comes, once
// (RFC 9110, 14.2 and 17.15).
inline constexpr std::size_t kRanges_max = 32;

struct Ranges {
  enum class State : std::uint8_t {
    whole,  // none asked for, or to be ignored
    some,
    none_there,  // 416
  };

  State state = State::whole;
  std::array<ByteRange, kRanges_max> pieces;
  std::size_t count = 0;
};

// Step 5: what of a representation of so many bytes is wanted, If-Range having been asked. Ignored
// are a Range that is malformed, of another unit, on several lines, of more than kRanges_max pieces
// or of more bytes than there are.
Ranges wanted(const Asked& asked, const Validators& validators, std::uint64_t size,
              std::int64_t now_s);

}  // namespace zyphos::web
