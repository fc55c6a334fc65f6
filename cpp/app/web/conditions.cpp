#include "app/web/conditions.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "app/web/fields.h"
#include "base/http_time.h"

namespace zyphos::web {
namespace {

struct Field {
  std::string_view name;
  std::string_view Asked::* where;
};

constexpr std::array<Field, 10> kFields{{{"if-match", &Asked::if_match},
                                         {"if-none-match", &Asked::if_none_match},
                                         {"if-modified-since", &Asked::if_modified_since},
                                         {"if-unmodified-since", &Asked::if_unmodified_since},
                                         {"if-range", &Asked::if_range},
                                         {"range", &Asked::range},
                                         {"accept", &Asked::accept},
                                         {"accept-encoding", &Asked::accept_encoding},
                                         {"referer", &Asked::referer},
                                         {"user-agent", &Asked::user_agent}}};

// --- entity tags (RFC 9110, 8.8.3) ---

enum class Compare : std::uint8_t { strong, weak };

// Takes one entity tag off the front of a list; empty: what stands there is none.
std::string_view take_tag(std::string_view& list) {
  const std::size_t prefix = list.starts_with("W/") ? 2 : 0;
  if (list.size() <= prefix || list[prefix] != '"') return {};
  const std::size_t end = list.find('"', prefix + 1);
  if (end == list.npos) return {};
  const std::string_view tag = list.substr(0, end + 1);
  list.remove_prefix(tag.size());
  return tag;
}

bool same_tag(std::string_view tag, std::string_view ours, Compare how) {
  if (!tag.starts_with("W/")) return tag == ours;
  return how == Compare::weak && tag.substr(2) == ours;
}

bool in_list(std::string_view list, std::string_view ours, Compare how) {
  list = trimmed(list);
  if (list == "*") return true;
  while (!list.empty()) {
    if (list.front() == ',' || list.front() == ' ' || list.front() == '\t') {
      list.remove_prefix(1);
      continue;
    }
    const std::string_view tag = take_tag(list);
    if (tag.empty()) return false;
    if (!ours.empty() && same_tag(tag, ours, how)) return true;
  }
  return false;
}

// In any of the lines of that name.
bool in_lists(const Asked& asked, std::string_view name, std::string_view ours, Compare how) {
  return std::ranges::any_of(asked.headers, [&](const Header& header) {
    return same(header.name, name) && in_list(header.value, ours, how);
  });
}

// --- ranges (RFC 9110, 14) ---

// Digits to a number, the largest there is where it is larger; none: something else stands there.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || text.empty()) return {};
  return error == std::errc{} ? value : std::numeric_limits<std::uint64_t>::max();
}

struct Piece {
  bool good = false;
  ByteRange range;  // of size 0: there is nothing of it
};

Piece piece(std::string_view text, std::uint64_t size) {
  const std::size_t dash = text.find('-');
  if (dash == text.npos) return {};
  const std::string_view from = text.substr(0, dash);
  const std::string_view to = text.substr(dash + 1);
  if (from.empty()) {  // the last so many
    const auto last = number(to);
    if (!last) return {};
    const std::uint64_t some = std::min(*last, size);
    return {.good = true, .range = {.first = size - some, .size = some}};
  }
  const auto first = number(from);
  const auto last = to.empty() ? std::numeric_limits<std::uint64_t>::max() : number(to);
  if (!first || !last || *last < *first) return {};
  if (*first >= size) return {.good = true, .range = {}};
  return {.good = true, .range = {.first = *first, .size = std::min(*last, size - 1) - *first + 1}};
}

// False: to be ignored.
bool read_ranges(std::string_view list, std::uint64_t size, Ranges& out) {
  std::uint64_t left = size;
  std::size_t asked = 0;
  while (!list.empty()) {
    const std::string_view item = take_item(list, ',');
    if (item.empty()) continue;
    const Piece found = piece(item, size);
    if (!found.good || ++asked > kRanges_max) return false;
    if (found.range.size == 0) continue;
    if (found.range.size > left) return false;
    left -= found.range.size;
    out.pieces[out.count++] = found.range;
  }
  return asked > 0;
}

// RFC 9110, 13.1.5: by a strong tag, or by a date that nothing of the same second can have changed
// since.
bool if_range_holds(std::string_view value, const Validators& validators, std::int64_t now_s) {
  if (value.empty()) return true;
  if (value.ends_with('"')) {
    return !validators.etag.empty() && same_tag(value, validators.etag, Compare::strong);
  }
  const auto date = parse_http_time(value, now_s);
  return date && validators.modified_s == date && *date < now_s;
}

// --- preconditions (RFC 9110, 13.2.2) ---

// Steps 1 and 2: only if it is what the client thinks that it is.
bool still_the_same(const Asked& asked, const Validators& validators, std::int64_t now_s) {
  if (asked.if_match.data() != nullptr) {
    return in_lists(asked, "if-match", validators.etag, Compare::strong);
  }
  const auto since = parse_http_time(asked.if_unmodified_since, now_s);
  return !since || !validators.modified_s || *validators.modified_s <= *since;
}

// Steps 3 and 4: only if the client has not got it.
bool known_already(const Asked& asked, const Validators& validators, std::int64_t now_s) {
  if (asked.if_none_match.data() != nullptr) {
    return in_lists(asked, "if-none-match", validators.etag, Compare::weak);
  }
  const auto since = parse_http_time(asked.if_modified_since, now_s);
  return since && validators.modified_s && *validators.modified_s <= *since;
}

}  // namespace

Asked::Asked(std::span<const Header> given) : headers(given) {
  for (const Header& header : headers) {
    for (const Field& field : kFields) {
      if (same(header.name, field.name)) this->*field.where = header.value;
    }
  }
}

Verdict judge(const Asked& asked, const Validators& validators, std::int64_t now_s) {
  if (!still_the_same(asked, validators, now_s)) return Verdict::failed;
  return known_already(asked, validators, now_s) ? Verdict::not_modified : Verdict::proceed;
}

Ranges wanted(const Asked& asked, const Validators& validators, std::uint64_t size,
              std::int64_t now_s) {
  constexpr std::string_view kUnit = "bytes=";
  Ranges ranges;
  const std::string_view value = trimmed(asked.range);
  if (value.size() < kUnit.size() || !same(value.substr(0, kUnit.size()), kUnit)) return ranges;
  const bool several = std::ranges::count_if(asked.headers, [](const Header& header) {
                         return same(header.name, "range");
                       }) > 1;
  if (several || !if_range_holds(trimmed(asked.if_range), validators, now_s)) return ranges;
  if (!read_ranges(value.substr(kUnit.size()), size, ranges)) {
    ranges.count = 0;
    return ranges;
  }
  ranges.state = ranges.count > 0 ? Ranges::State::some : Ranges::State::none_there;
  return ranges;
}

}  // namespace zyphos::web
