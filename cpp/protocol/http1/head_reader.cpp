#include "protocol/http1/head_reader.h"

#include <algorithm>
#include <array>
#include <limits>

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
bool valid_host(std::string_view host) {
  if (is_short_host(host)) return true;
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

bool HeadReader::host_field(std::string_view value) {
  ++hosts_;
  host_ = value;
  return true;
}

// One member of digits: a list, even of equal values, is refused (RFC 9112, 6.3 allows to).
// The fields that the protocol itself reads differ in length.
bool HeadReader::known_field(std::string_view name, std::string_view value) {
  struct Known {
    std::string_view name;
    bool (HeadReader::*read)(std::string_view) = nullptr;
  };
  static constexpr auto kByLength = [] {
    std::array<Known, 18> table{};
    for (const Known& known :
         {Known{"host", &HeadReader::host_field}, Known{"expect", &HeadReader::expect},
          Known{"upgrade", &HeadReader::upgrade}, Known{"connection", &HeadReader::connection},
          Known{"content-length", &HeadReader::content_length},
          Known{"transfer-encoding", &HeadReader::transfer_encoding}}) {
      table[known.name.size()] = known;
    }
    return table;
  }();
  if (name.size() >= kByLength.size()) return true;
  const Known& known = kByLength[name.size()];
  return known.read == nullptr || !same_name(name, known.name) || (this->*known.read)(value);
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
  constexpr std::string_view kHost = "Host";
  const bool is_host = reads(at_, "Host:");  // as nearly everybody writes it
  const char* const colon = is_host ? at_ + kHost.size() : skip(at_, end_, kTokenChar);
  const std::string_view name(at_, colon);
  if (name.empty() || colon == end_ || *colon != ':') {
    at_ = colon;
    return stop(Errc::bad_header);
  }
  std::string_view value;
  if (!field_value(colon + 1, value)) return false;
  if (!fields_.add(name, value)) return fail(Errc::head_too_large, 431);
  return is_host ? host_field(value) : known_field(name, value);
}

[[gnu::always_inline]] inline bool HeadReader::check_framing() {
  if (hosts_ > 0 && !valid_host(host_)) return fail(Errc::bad_host, 400);
  const bool old = framing_.version_minor == 0;
  framing_.upgrade = upgrade_option_ && upgrade_field_;
  if (old && !keep_alive_) framing_.close = true;
  if (transfer_codings_ == 0) {
    if (framing_.content_length > 0) framing_.body = Body::length;
    return true;
  }
  // With Content-Length it is an attempt to smuggle (6.3); in HTTP/1.0 it is faulty framing (6.1).
  if (has_length_ || old) return fail(Errc::bad_framing, 400);
  framing_.body = Body::chunked;
  return true;
}

bool HeadReader::field_section() {
  start_line_ = false;
  for (;;) {
    open_line();
    if (reads(at_, kLineEnd)) {
      at_ += kLineEnd.size();
      return check_framing();
    }
    if (at_ < end_ && *at_ == '\r') return line_end(Errc::bad_header);
    if (!field_line()) return false;
  }
}

bool HeadReader::content_length(std::string_view value) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (has_length_ || value.empty()) return fail(Errc::bad_framing, 400);
  std::uint64_t length = 0;
  for (const char c : value) {
    if (!is_digit(c)) return fail(Errc::bad_framing, 400);
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (kMax - digit) / 10) return fail(Errc::bad_framing, 400);
    length = length * 10 + digit;
  }
  has_length_ = true;
  framing_.content_length = length;
  return true;
}

// Only "chunked", once (RFC 9112, 6.1): other codings are not implemented here.
bool HeadReader::transfer_encoding(std::string_view value) {
  bool only_chunked = true;
  const unsigned before = transfer_codings_;
  each_member(value, [&](std::string_view member) {
    ++transfer_codings_;
    only_chunked = only_chunked && member.size() == 7 && same_name(member, "chunked");
  });
  if (!only_chunked) return fail(Errc::bad_framing, 501);
  if (transfer_codings_ == before || transfer_codings_ > 1) return fail(Errc::bad_framing, 400);
  return true;
}

bool HeadReader::expect(std::string_view value) {
  if (value.size() != 12 || !same_name(value, "100-continue")) return fail(Errc::bad_header, 417);
  framing_.expect_continue = true;
  return true;
}

bool HeadReader::upgrade(std::string_view) {
  upgrade_field_ = true;
  return true;
}

bool HeadReader::connection(std::string_view value) {
  each_member(value, [&](std::string_view option) {
    if (same_name(option, "close")) framing_.close = true;
    if (same_name(option, "keep-alive")) keep_alive_ = true;
    if (same_name(option, "upgrade")) upgrade_option_ = true;
  });
  return true;
}

}  // namespace zyphos::http1
