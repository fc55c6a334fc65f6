#include "protocol/http1/head_reader.h"

#include <algorithm>
#include <limits>

#include "protocol/http1/known_fields.h"
#include "protocol/http1/skip.h"

namespace zyphos::http1 {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Calls `take` with each non-empty member of a comma-separated list (RFC 9110, 5.6.1).
template <class Take>
void each_member(std::string_view list, Take take) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (const auto member = trim(list.substr(0, comma)); !member.empty()) take(member);
    if (comma == list.npos) return;
    list.remove_prefix(comma + 1);
  }
}

// uri-host [ ":" port ], possibly empty (RFC 9110, 7.2); "[" IP-literal "]" as RFC 3986, 3.2.2 has
// it.
[[gnu::always_inline]] inline bool valid_host(std::string_view host) {
  if (is_plain_host(host)) return true;
  const char* at = host.data();
  const char* end = at + host.size();
  if (host.starts_with('[')) {
    at = skip(at + 1, end, kLiteralChar);
    if (at == end || *at != ']') return false;
    ++at;
  } else {
    at = skip(at, end, kHostChar);
  }
  return at == end || (*at == ':' && std::all_of(at + 1, end, is_digit));
}

}  // namespace

bool HeadReader::fail(Errc error, std::uint16_t status) {
  state_ = ReadState::bad;
  error_ = error;
  status_ = status;
  return false;
}

bool HeadReader::stop(Errc error, std::uint16_t status) {
  if (at_ < end_) return fail(error, status);
  if (end_ < input_end_ || static_cast<std::size_t>(end_ - line_) == limits_.line_bytes_max) {
    return fail(Errc::head_too_large, start_line_ ? 414 : 431);
  }
  if (clamped_ || static_cast<std::size_t>(end_ - begin_) == limits_.head_bytes_max) {
    return fail(Errc::head_too_large, 431);
  }
  state_ = ReadState::partial;
  return false;
}

// "HTTP/" DIGIT "." DIGIT (RFC 9112, 2.3). A higher minor version is read as 1.1 (RFC 9110, 2.5).
bool HeadReader::version(Errc error) {
  constexpr std::string_view kUsual = "HTTP/1.1";
  if (!reads(at_, kUsual)) return other_version(error);
  at_ += kUsual.size();
  framing_.version_minor = 1;
  return true;
}

bool HeadReader::other_version(Errc error) {
  constexpr std::string_view kName = "HTTP/";
  for (const char c : kName) {
    if (!literal(c, error)) return false;
  }
  if (at_ == end_ || !is_digit(*at_)) return stop(error);
  const char major = *at_++;
  if (!literal('.', error)) return false;
  if (at_ == end_ || !is_digit(*at_)) return stop(error);
  const char minor = *at_++;
  if (major != '1') return fail(Errc::bad_version, 505);
  framing_.version_minor = minor == '0' ? 0 : 1;
  return true;
}

bool HeadReader::known_field(std::size_t known, std::string_view value) {
  switch (known) {
    case kHost: return host_field(value);
    case kConnection: return connection(value);
    case kContentLength: return content_length(value);
    case kTransferEncoding: return transfer_encoding(value);
    case kExpect: return expect(value);
    case kUpgrade: return upgrade(value);
    default: return true;
  }
}

// OWS field-value OWS CRLF, from `at` on.
[[gnu::always_inline]] inline bool HeadReader::field_value(const char* at,
                                                           std::string_view& value) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (at < end_ && blank(*at)) ++at;
  const char* to = skip_field_text(at, end_);
  if (!reads(to, kLineEnd)) {
    at_ = to;
    return line_end(Errc::bad_header);
  }
  at_ = to + kLineEnd.size();
  while (to > at && blank(to[-1])) --to;
  value = {at, to};
  return true;
}

// field-name ":" OWS field-value OWS CRLF. A line that begins with a blank (obs-fold) has no name.
[[gnu::always_inline]] inline bool HeadReader::field_line() {
  constexpr std::string_view kHostName = "Host";
  const bool is_host = reads(at_, "Host:");  // as nearly everybody writes it
  const char* const colon = is_host ? at_ + kHostName.size() : skip(at_, end_, kTokenChar);
  const std::string_view name(at_, colon);
  if (name.empty() || colon == end_ || *colon != ':') {
    at_ = colon;
    return stop(Errc::bad_header);
  }
  std::string_view value;
  if (!field_value(colon + 1, value)) return false;
  if (!fields_.add(name, value)) return fail(Errc::head_too_large, 431);
  return is_host ? host_field(value) : known_field(kKnownNames.find(name), value);
}

// What stands between a field's colon and its line's CR, without the blanks around it.
[[gnu::always_inline]] inline std::string_view marked_value(const char* from, const char* end) {
  const auto low = [](char c) { return static_cast<unsigned char>(c) <= ' '; };  // in text: a blank
  if (*from == ' ') ++from;
  if (low(*from) || low(end[-1])) [[unlikely]]
    return trim({from, end});
  return {from, end};
}

// A line from its first character to its CR: field-name ":" OWS field-value OWS, with a name of
// less than 64 characters.
[[gnu::always_inline]] inline HeadReader::Lines HeadReader::marked_line(const char* line,
                                                                        const char* end) {
  const std::size_t name_size = window_.name_size(line);
  const std::string_view name(line, name_size);
  if (name_size == 0 || name_size >= scan::kBlock_bytes || line[name_size] != ':') {
    return Lines::other;
  }
  if (static_cast<std::size_t>(end - line) + kLineEnd.size() > limits_.line_bytes_max) {
    return Lines::other;
  }
  const std::string_view value = marked_value(line + name_size + 1, end);
  if (!fields_.add(name, value)) {
    fail(Errc::head_too_large, 431);
    return Lines::refused;
  }
  const std::size_t known = kKnownNames.find(name);
  if (known == kKnownCount) return Lines::done;
  if (known == kHost) {
    host_field(value);
    return Lines::done;
  }
  return known_field(known, value) ? Lines::done : Lines::refused;
}

HeadReader::Lines HeadReader::marked_lines() {
  const char* line = at_;
  LineEnds ends(window_, line);
  for (;;) {
    const char* const end = ends.next(line);
    if (end == nullptr && look(line)) {
      ends = LineEnds(window_, line);
      continue;
    }
    if (end == nullptr || !ends_line(end)) break;
    ends.pass();
    if (end == line) {
      at_ = end + kLineEnd.size();
      return Lines::done;
    }
    if (const Lines read = marked_line(line, end); read != Lines::done) {
      at_ = line;
      return read;
    }
    line = end + kLineEnd.size();
  }
  at_ = line;
  return Lines::other;
}

[[gnu::always_inline]] inline bool HeadReader::check_framing() {
  if (seen_.hosts > 0 && !valid_host(host_)) return fail(Errc::bad_host, 400);
  const bool old = framing_.version_minor == 0;
  // In HTTP/1.0 it is ignored (RFC 9110, 7.8).
  framing_.upgrade = seen_.asks_upgrade() && !old;
  if (old && !seen_.keep_alive) framing_.close = true;
  if (seen_.transfer_codings == 0) {
    if (framing_.content_length > 0) framing_.body = Body::length;
    return true;
  }
  // With Content-Length it is an attempt to smuggle (6.3); in HTTP/1.0 it is faulty framing (6.1).
  if (seen_.has_length || old) return fail(Errc::bad_framing, 400);
  framing_.body = Body::chunked;
  return true;
}

bool HeadReader::field_lines() {
  start_line_ = false;
  for (;;) {
    if (kernel_ != nullptr) {
      const Lines read = marked_lines();
      if (read == Lines::done) return true;
      if (read == Lines::refused) return false;
    }
    open_line();
    if (reads(at_, kLineEnd)) {
      at_ += kLineEnd.size();
      return true;
    }
    if (at_ < end_ && *at_ == '\r') return line_end(Errc::bad_header);
    if (!field_line()) return false;
  }
}

bool HeadReader::field_section() { return field_lines() && check_framing(); }

bool HeadReader::consistent() { return check_framing(); }

void HeadReader::resume(const HeadProgress& progress) {
  at_ = begin_ + progress.line;
  seen_ = progress.seen;
  framing_ = progress.framing;
  fields_.count(progress.fields);
}

HeadProgress HeadReader::progress() const {
  return {.line = static_cast<std::size_t>(line_ - begin_),
          .fields = fields_.view().size(),
          .seen = seen_,
          .framing = framing_,
          .walk = {}};
}

// One member of digits: a list, even of equal values, is refused (RFC 9112, 6.3 allows to).
bool HeadReader::content_length(std::string_view value) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (seen_.has_length || value.empty()) return fail(Errc::bad_framing, 400);
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!is_digit(c)) return fail(Errc::bad_framing, 400);
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (kMax - digit) / 10) return fail(Errc::bad_framing, 400);
    length = length * 10 + digit;
  }
  seen_.has_length = true;
  framing_.content_length = length;
  return true;
}

// Only "chunked", once (RFC 9112, 6.1): other codings are not implemented here.
bool HeadReader::transfer_encoding(std::string_view value) {
  bool only_chunked = true;
  const unsigned before = seen_.transfer_codings;
  each_member(value, [&](std::string_view member) {
    ++seen_.transfer_codings;
    only_chunked = only_chunked && member.size() == 7 && same_name(member, "chunked");
  });
  if (!only_chunked) return fail(Errc::bad_framing, 501);
  if (seen_.transfer_codings == before || seen_.transfer_codings > 1)
    return fail(Errc::bad_framing, 400);
  return true;
}

bool HeadReader::expect(std::string_view value) {
  if (value.size() != 12 || !same_name(value, "100-continue")) return fail(Errc::bad_header, 417);
  framing_.expect_continue = true;
  return true;
}

bool HeadReader::upgrade(std::string_view) {
  seen_.upgrade_field = true;
  return true;
}

bool HeadReader::connection(std::string_view value) {
  if (same_name(value, "keep-alive")) {  // as nearly everybody writes it
    seen_.keep_alive = true;
    return true;
  }
  each_member(value, [&](std::string_view option) {
    if (same_name(option, "close")) framing_.close = true;
    if (same_name(option, "keep-alive")) seen_.keep_alive = true;
    if (same_name(option, "upgrade")) seen_.upgrade_option = true;
  });
  return true;
}

}  // namespace zyphos::http1
