// The rules by which a request is refused, each with its clause: why one was is counted under its
// name ("refused_fold"). One table (rule.cpp), from which docs/strictness.md is written.
//
// A parser says that a head is wrong in one word (Errc); which rule it breaks is found here, from
// its bytes, once it is refused: so it costs nothing where nothing is wrong, and all parsers give
// the same reason.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/counters.h"
#include "base/error.h"

namespace zyphos::http1 {

enum class Rule : std::uint8_t {
  none,
  request_line,
  version,
  bare_lf,
  bare_cr,
  fold,
  space_before_colon,
  field_name,
  control,
  host_missing,
  host_repeated,
  host_malformed,
  host_disagrees,
  length_repeated,
  length_odd,
  length_and_coding,
  coding_unknown,
  coding_repeated,
  coding_in_http10,
  expectation,
  chunk_size,
  chunk_extension,
  chunk_end,
};

struct RuleText {
  Rule rule;
  std::string_view name;
  std::string_view clause;
  std::string_view refuses;
  std::string_view lenient;  // what lenient makes of it instead; empty: refuses as well
  Counter counter;
};

// All but none, in the order of Rule.
std::span<const RuleText> rules();
const RuleText& text_of(Rule rule);  // not of none

// The rule that a refused head breaks first; none: a limit, or no rule of this table. `in` begins
// with the head, as much of it as there is. O(size).
Rule broken_rule(ConstBytes in, Errc error);

}  // namespace zyphos::http1
