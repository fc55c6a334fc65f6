#include "protocol/http1/rule.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "base/check.h"
#include "protocol/http1/grammar.h"

namespace zyphos::http1 {
namespace {

#define ZYPHOS_RULE(name, clause, refuses, lenient) \
  RuleText { Rule::name, #name, clause, refuses, lenient, Counter::refused_##name }

constexpr std::array kRules{
    ZYPHOS_RULE(request_line, "RFC 9112, 3",
                "a request line that is not method SP target SP version",
                "several empty lines before it are ignored (2.2)"),
    ZYPHOS_RULE(version, "RFC 9112, 2.3", "a version other than HTTP/1.0 and HTTP/1.x", ""),
    ZYPHOS_RULE(bare_lf, "RFC 9112, 2.2", "LF without CR before it",
                "ends a line, where all lines of the head end so (2.2)"),
    ZYPHOS_RULE(bare_cr, "RFC 9112, 2.2", "CR without LF behind it", ""),
    ZYPHOS_RULE(fold, "RFC 9112, 5.2", "a field line that begins with a blank (obs-fold)",
                "goes on with the value before it, behind one space (5.2), unless it could be a "
                "field itself or folds a field of the framing"),
    ZYPHOS_RULE(space_before_colon, "RFC 9112, 5.1",
                "a blank between field name and colon, or in place of one", ""),
    ZYPHOS_RULE(field_name, "RFC 9112, 5", "a field line without a name that is a token", ""),
    ZYPHOS_RULE(control, "RFC 9110, 5.5", "NUL or another control character in a field value", ""),
    ZYPHOS_RULE(host_missing, "RFC 9112, 3.2", "HTTP/1.1 without Host", ""),
    ZYPHOS_RULE(host_repeated, "RFC 9112, 3.2", "several Host fields", ""),
    ZYPHOS_RULE(host_malformed, "RFC 9110, 7.2", "a Host that is no host and port", ""),
    ZYPHOS_RULE(host_disagrees, "RFC 9112, 3.2.2",
                "a target in absolute-form for another host than Host's",
                "goes by the target, as the clause has it"),
    ZYPHOS_RULE(length_repeated, "RFC 9110, 8.6", "several Content-Length fields",
                "is one, where all have the same digits (8.6)"),
    ZYPHOS_RULE(length_odd, "RFC 9112, 6.3",
                "a Content-Length that is no decimal number below 2^63", ""),
    ZYPHOS_RULE(length_and_coding, "RFC 9112, 6.3", "Content-Length beside Transfer-Encoding", ""),
    ZYPHOS_RULE(coding_unknown, "RFC 9112, 6.1", "a transfer coding other than chunked", ""),
    ZYPHOS_RULE(coding_repeated, "RFC 9112, 6.1", "chunked more than once", ""),
    ZYPHOS_RULE(coding_in_http10, "RFC 9112, 6.1", "Transfer-Encoding in HTTP/1.0", ""),
    ZYPHOS_RULE(expectation, "RFC 9110, 10.1.1", "an Expect other than 100-continue", ""),
    ZYPHOS_RULE(chunk_size, "RFC 9112, 7.1", "a chunk size that is not 1 to 15 hexadecimal digits",
                ""),
    ZYPHOS_RULE(chunk_extension, "RFC 9112, 7.1.1",
                "a chunk extension with a control character, or beyond 8 KiB for all of a body",
                ""),
    ZYPHOS_RULE(chunk_end, "RFC 9112, 7.1", "no CRLF behind a chunk's data", ""),
};
#undef ZYPHOS_RULE

// Lines that end in CRLF, one after another; the last may have no end.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find("\r\n");
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 2);
    return true;
  }

 private:
  std::string_view rest_;
};

bool blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Of a line's end or a character that ends nothing; `usual` of any other.
Rule rule_of(char c, Rule usual) {
  if (c == '\n') return Rule::bare_lf;
  return c == '\r' ? Rule::bare_cr : usual;
}

// How many characters of a version ("HTTP/", digit, ".", digit) it begins with.
std::size_t version_bytes(std::string_view text) {
  constexpr std::string_view kVersion = "HTTP/#.#";
  std::size_t at = 0;
  while (at < std::min(text.size(), kVersion.size())) {
    if (kVersion[at] == '#' ? !is_digit(text[at]) : text[at] != kVersion[at]) break;
    ++at;
  }
  return at;
}

// By the first character that is wrong, so that it is the same however little has come: LF is bare
// wherever it stands, CR where the line could end.
Rule request_line_rule(std::string_view text) {
  constexpr std::size_t kVersion_bytes = 8;
  const auto past = [&](std::size_t at, Class which) {
    return static_cast<std::size_t>(skip(text.data() + at, text.data() + text.size(), which) -
                                    text.data());
  };
  const auto is_space = [&](std::size_t at) { return at < text.size() && text[at] == ' '; };
  const std::size_t method_end = past(0, kTokenChar);
  std::size_t at = method_end;
  if (is_space(method_end)) at = past(method_end + 1, kTargetChar);
  if (is_space(at) && at > method_end) {
    if (text[method_end + 1] != '/') return Rule::request_line;  // it is the target that is wrong
    const std::size_t version = version_bytes(text.substr(at + 1));
    at += 1 + version;
    if (at < text.size() && version == kVersion_bytes) return rule_of(text[at], Rule::request_line);
  }
  return at < text.size() && text[at] == '\n' ? Rule::bare_lf : Rule::request_line;
}

struct Field {
  std::string_view name;
  std::string_view value;
};

Field field_of(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return {line, {}};
  return {line.substr(0, colon), trim(line.substr(colon + 1))};
}

Rule field_rule(std::string_view line) {
  if (blank(line.front())) return Rule::fold;
  const char* const end = line.data() + line.size();
  const char* at = skip(line.data(), end, kTokenChar);
  if (at == end) return Rule::field_name;
  if (*at != ':' || at == line.data()) {
    const bool space = at > line.data() && blank(*at);
    return space ? Rule::space_before_colon : rule_of(*at, Rule::field_name);
  }
  at = skip(at + 1, end, kFieldChar);
  if (at < end) return rule_of(*at, Rule::control);
  const Field field = field_of(line);
  return same_name(field.name, "expect") && !same_name(field.value, "100-continue")
             ? Rule::expectation
             : Rule::none;
}

Rule header_rule(Lines lines) {
  std::string_view line;
  while (lines.next(line) && !line.empty()) {
    if (const Rule rule = field_rule(line); rule != Rule::none) return rule;
  }
  return Rule::none;
}

Rule host_rule(Lines lines) {
  unsigned hosts = 0;
  std::string_view line;
  while (lines.next(line) && !line.empty()) hosts += same_name(field_of(line).name, "host") ? 1 : 0;
  if (hosts == 0) return Rule::host_missing;
  return hosts > 1 ? Rule::host_repeated : Rule::host_malformed;
}

bool is_length(std::string_view value) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!is_digit(c)) return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (kMax - digit) / 10) return false;
    length = length * 10 + digit;
  }
  return !value.empty();
}

// `codings` counts the members of all fields so far.
Rule coding_rule(std::string_view value, unsigned& codings) {
  const unsigned before = codings;
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view member = trim(value.substr(0, comma));
    value.remove_prefix(comma == value.npos ? value.size() : comma + 1);
    if (member.empty()) continue;
    if (member.size() != 7 || !same_name(member, "chunked")) return Rule::coding_unknown;
    ++codings;
  }
  if (codings == before) return Rule::coding_unknown;
  return codings > 1 ? Rule::coding_repeated : Rule::none;
}

Rule framing_rule(Lines lines) {
  unsigned lengths = 0;
  unsigned codings = 0;
  std::string_view line;
  while (lines.next(line) && !line.empty()) {
    const Field field = field_of(line);
    if (same_name(field.name, "content-length")) {
      if (++lengths > 1) return Rule::length_repeated;
      if (!is_length(field.value)) return Rule::length_odd;
    } else if (same_name(field.name, "transfer-encoding")) {
      if (const Rule rule = coding_rule(field.value, codings); rule != Rule::none) return rule;
    }
  }
  return lengths > 0 ? Rule::length_and_coding : Rule::coding_in_http10;
}

}  // namespace

std::span<const RuleText> rules() { return kRules; }

const RuleText& text_of(Rule rule) {
  ZY_CHECK(rule != Rule::none);
  return kRules[static_cast<std::size_t>(rule) - 1];
}

Rule broken_rule(ConstBytes in, Errc error) {
  const std::string_view text = as_text(in);
  Lines lines(text);
  std::string_view first;
  lines.next(first);
  switch (error) {
    case Errc::bad_request_line: return request_line_rule(text);
    case Errc::bad_version: return Rule::version;
    case Errc::bad_header: return header_rule(lines);
    case Errc::bad_host: return host_rule(lines);
    case Errc::bad_framing: return framing_rule(lines);
    default: return Rule::none;
  }
}

}  // namespace zyphos::http1
