// The heads of requests and responses as an automaton: the regular part of RFC 9112, 3 to 5, rule
// by rule. What is beyond it (limits, the form of a target, what the protocol reads of its fields)
// is done on the way, by what HeadDo names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/http1/automaton.h"

namespace zyphos::http1 {

enum class HeadState : std::uint8_t {
  // A request's first line. The characters of "HTTP/1.1" have a state each.
  method_first,
  method,
  target_first,
  origin_target,
  other_target,
  request_h,
  request_t,
  request_tt,
  request_p,
  request_slash,
  request_major,
  request_dot,
  request_minor,
  request_other_dot,
  request_other_minor,
  request_cr,
  request_lf,
  // A response's.
  response_h,
  response_t,
  response_tt,
  response_p,
  response_slash,
  response_major,
  response_dot,
  response_minor,
  response_other_dot,
  response_other_minor,
  response_space,
  status_first,
  status_second,
  status_third,
  status_end,
  reason,
  response_lf,
  // Fields, up to and with the empty line.
  field_first,
  name,
  value,
  value_lf,
  head_lf,
  done,
  count,
};
inline constexpr auto kHeadStates = static_cast<std::size_t>(HeadState::count);

// What is to be done on the way from one state to the next.
enum class HeadDo : std::uint8_t {
  nothing,
  name_end,
  field_end,
  head_end,
  wrong,
  method_end,
  target_end,
  other_target_end,  // its form is looked at
  version_10,
  version_11,
  bad_version,
  status_end,  // its three digits are there
  line_end,
};

using HeadRule = AutomatonRule<HeadState, HeadDo>;
inline constexpr const char* kDigits = "0123456789";

consteval auto request_line_rules() {
  using enum HeadState;
  return std::to_array<HeadRule>({
      // request-line = method SP request-target SP HTTP-version CRLF
      {method_first, kTokenChar, method},
      {method, kTokenChar, method},
      {method, " ", target_first, HeadDo::method_end},
      {target_first, "/", origin_target},
      {target_first, kTargetChar, other_target},
      {origin_target, kTargetChar, origin_target},
      {origin_target, " ", request_h, HeadDo::target_end},
      {other_target, kTargetChar, other_target},
      {other_target, " ", request_h, HeadDo::other_target_end},
      // HTTP-version = "HTTP/" DIGIT "." DIGIT
      {request_h, "H", request_t},
      {request_t, "T", request_tt},
      {request_tt, "T", request_p},
      {request_p, "P", request_slash},
      {request_slash, "/", request_major},
      {request_major, "1", request_dot},
      {request_major, kDigits, request_other_dot},
      {request_dot, ".", request_minor},
      {request_minor, "0", request_cr, HeadDo::version_10},
      {request_minor, kDigits, request_cr, HeadDo::version_11},
      {request_other_dot, ".", request_other_minor},
      {request_other_minor, kDigits, request_cr, HeadDo::bad_version},
      {request_cr, "\r", request_lf},
      {request_lf, "\n", field_first, HeadDo::line_end},
  });
}

consteval auto status_line_rules() {
  using enum HeadState;
  return std::to_array<HeadRule>({
      // status-line = HTTP-version SP status-code [ SP [ reason-phrase ] ] CRLF
      {response_h, "H", response_t},
      {response_t, "T", response_tt},
      {response_tt, "T", response_p},
      {response_p, "P", response_slash},
      {response_slash, "/", response_major},
      {response_major, "1", response_dot},
      {response_major, kDigits, response_other_dot},
      {response_dot, ".", response_minor},
      {response_minor, "0", response_space, HeadDo::version_10},
      {response_minor, kDigits, response_space, HeadDo::version_11},
      {response_other_dot, ".", response_other_minor},
      {response_other_minor, kDigits, response_space, HeadDo::bad_version},
      {response_space, " ", status_first},
      {status_first, kDigits, status_second},
      {status_second, kDigits, status_third},
      {status_third, kDigits, status_end, HeadDo::status_end},
      {status_end, " ", reason},
      {status_end, "\r", response_lf},
      {reason, kFieldChar, reason},
      {reason, "\r", response_lf},
      {response_lf, "\n", field_first, HeadDo::line_end},
  });
}

consteval auto field_rules() {
  using enum HeadState;
  return std::to_array<HeadRule>({
      // *( field-name ":" OWS field-value OWS CRLF ) CRLF. OWS and field-value are told apart when
      // the line is there: together they are whatever a field may hold.
      {field_first, kTokenChar, name},
      {field_first, "\r", head_lf},
      {name, kTokenChar, name},
      {name, ":", value, HeadDo::name_end},
      {value, kFieldChar, value},
      {value, "\r", value_lf},
      {value_lf, "\n", field_first, HeadDo::field_end},
      {head_lf, "\n", done, HeadDo::head_end},
  });
}

inline constexpr RuleTable<HeadState, HeadDo, kHeadStates> kHeadRules{
    request_line_rules(), status_line_rules(), field_rules()};
inline constexpr Automaton<HeadDo, kHeadStates, kHeadRules.columns()> kHead{kHeadRules};

}  // namespace zyphos::http1
