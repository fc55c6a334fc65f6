#include "protocol/http1/write.h"

#include <array>
#include <charconv>

#include "base/check.h"

namespace zyphos::http1 {
namespace {

constexpr std::uint16_t kStatus_min = 100;
constexpr std::uint16_t kStatus_max = 599;

// Registered statuses (RFC 9110, 15; 426, 428, 429, 431 and 511 of RFC 6585).
// clang-format off
#define ZYPHOS_STATUSES(X)                        \
  X(100, "Continue")                              \
  X(101, "Switching Protocols")                   \
  X(200, "OK")                                    \
  X(201, "Created")                               \
  X(202, "Accepted")                              \
  X(203, "Non-Authoritative Information")         \
  X(204, "No Content")                            \
  X(205, "Reset Content")                         \
  X(206, "Partial Content")                       \
  X(300, "Multiple Choices")                      \
  X(301, "Moved Permanently")                     \
  X(302, "Found")                                 \
  X(303, "See Other")                             \
  X(304, "Not Modified")                          \
  X(307, "Temporary Redirect")                    \
  X(308, "Permanent Redirect")                    \
  X(400, "Bad Request")                           \
  X(401, "Unauthorized")                          \
  X(403, "Forbidden")                             \
  X(404, "Not Found")                             \
  X(405, "Method Not Allowed")                    \
  X(406, "Not Acceptable")                        \
  X(408, "Request Timeout")                       \
  X(409, "Conflict")                              \
  X(410, "Gone")                                  \
  X(411, "Length Required")                       \
  X(412, "Precondition Failed")                   \
  X(413, "Content Too Large")                     \
  X(414, "URI Too Long")                          \
  X(415, "Unsupported Media Type")                \
  X(416, "Range Not Satisfiable")                 \
  X(417, "Expectation Failed")                    \
  X(422, "Unprocessable Content")                 \
  X(426, "Upgrade Required")                      \
  X(428, "Precondition Required")                 \
  X(429, "Too Many Requests")                     \
  X(431, "Request Header Fields Too Large")       \
  X(500, "Internal Server Error")                 \
  X(501, "Not Implemented")                       \
  X(502, "Bad Gateway")                           \
  X(503, "Service Unavailable")                   \
  X(504, "Gateway Timeout")                       \
  X(505, "HTTP Version Not Supported")            \
  X(511, "Network Authentication Required")
// clang-format on

constexpr auto kStatusLines = [] {
  std::array<std::string_view, kStatus_max - kStatus_min + 1> lines{};
#define X(code, reason) lines[code - kStatus_min] = "HTTP/1.1 " #code " " reason "\r\n";
  ZYPHOS_STATUSES(X)
#undef X
  return lines;
}();

constexpr std::string_view kVersion = "HTTP/1.1 ";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\n";  // most answers: looked up in no table
constexpr std::string_view kLength = "Content-Length: ";
constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";
constexpr std::string_view kClose = "Connection: close\r\n";
constexpr std::string_view kKeepAlive = "Connection: keep-alive\r\n";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kSeparator = ": ";
// Status line without reason, date, length field with 20 digits, chunked and connection fields, the
// empty line.
constexpr std::size_t kFraming_bytes_max = 160 + HttpDate::kCopied_bytes;

// Writes into space that is known to suffice.
class Pen {
 public:
  explicit Pen(std::byte* at) : from_(at), at_(at) {}

  void text(std::string_view text) {
    copy_short(at_, as_bytes(text).data(), text.size());
    at_ += text.size();
  }
  // Apart for few digits, which most numbers have.
  [[gnu::always_inline]] void number(std::uint64_t value) {
    if (value >= 100) {
      long_number(value);
      return;
    }
    const auto tens = static_cast<unsigned>(value) / 10;
    *at_ = static_cast<std::byte>('0' + tens);
    if (tens > 0) ++at_;
    *at_++ = static_cast<std::byte>('0' + static_cast<unsigned>(value) % 10);
  }
  void line(std::string_view name, std::string_view value) {
    text(name);
    text(kSeparator);
    text(value);
    text(kLineEnd);
  }
  void date(const HttpDate* date) {
    if (date != nullptr) at_ += date->copy_to(at_);
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - from_); }

 private:
  void long_number(std::uint64_t value) {
    auto* to = reinterpret_cast<char*>(at_);
    at_ += std::to_chars(to, to + 20, value).ptr - to;
  }

  std::byte* from_;
  std::byte* at_;
};

std::size_t line_bytes(std::span<const Header> fields) {
  std::size_t size = 0;
  for (const Header& field : fields) {
    size += field.name.size() + kSeparator.size() + field.value.size() + kLineEnd.size();
  }
  return size;
}

std::size_t size_max(std::string_view first, const ResponseHead& head,
                     const ResponseFraming& framing) {
  const bool made = head.field_lines.empty();
  return kFraming_bytes_max + first.size() + framing.constant_fields.size() +
         (made ? line_bytes(head.headers) : head.field_lines.size());
}

void put_framing(Pen& pen, const ResponseFraming& framing) {
  if (framing.body == Body::length) {
    pen.text(kLength);
    pen.number(framing.content_length);
    pen.text(kLineEnd);
  } else if (framing.body == Body::chunked) {
    pen.text(kChunked);
  }
  if (framing.close) pen.text(kClose);
  if (framing.keep_alive) pen.text(kKeepAlive);
}

}  // namespace

std::string_view status_line(std::uint16_t status) {
  if (status < kStatus_min || status > kStatus_max) return {};
  return kStatusLines[status - kStatus_min];
}

Written write_response(Outbox& out, const ResponseHead& head, const ResponseFraming& framing,
                       ConstBytes body) {
  const std::string_view first = head.status == 200 ? kOk : status_line(head.status);
  const std::size_t most = size_max(first, head, framing) + body.size();
  const Bytes place = out.prepare(most);
  if (place.empty()) return most > Outbox::capacity() ? Written::never : Written::no_room;
  Pen pen(place.data());
  if (head.status == 200) [[likely]] {
    pen.text(kOk);
  } else if (first.empty()) {
    pen.text(kVersion);
    pen.number(head.status);
    pen.text(" \r\n");
  } else {
    pen.text(first);
  }
  if (head.field_lines.empty()) {
    for (const Header& field : head.headers) pen.line(field.name, field.value);
  } else {
    pen.text(head.field_lines);
  }
  pen.text(framing.constant_fields);
  pen.date(framing.date);
  put_framing(pen, framing);
  pen.text(kLineEnd);
  pen.text(as_text(body));
  out.commit(pen.size());
  return Written::yes;
}

bool write_error(Outbox& out, std::uint16_t status, const HttpDate* date) {
  std::array<std::byte, 192> answer;
  const std::string_view first = status_line(status);
  ZY_CHECK(!first.empty());
  Pen pen(answer.data());
  pen.text(first);
  pen.date(date);
  pen.text("Content-Length: 0\r\nConnection: close\r\n\r\n");
  return out.write_control({answer.data(), pen.size()});
}

std::size_t put_chunk_head(std::byte* to, std::uint64_t size) {
  auto* text = reinterpret_cast<char*>(to);
  char* end = std::to_chars(text, text + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return static_cast<std::size_t>(end - text);
}

}  // namespace zyphos::http1
