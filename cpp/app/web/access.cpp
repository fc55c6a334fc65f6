#include "app/web/access.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace zyphos::web {
namespace {

// Of "127.0.0.1:80" or "[::1]:80", the host.
std::string_view host_of(std::string_view text) {
  text = text.substr(0, text.rfind(':'));
  if (text.starts_with('[')) text = text.substr(1, text.size() - 2);
  return text;
}

bool plain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

AccessLine::AccessLine(const RequestHead& head, const Asked& asked, const Caller& caller) {
  const auto address = caller.address();
  put(address ? host_of(address->text()) : std::string_view("-"));
  put(" - - [");
  put(log_time());
  put("] \"");
  put_quoted(head.method, kField_bytes_max);
  put(" ");
  put_quoted(head.target, kTarget_bytes_max);
  put(head.version_minor == 0 ? " HTTP/1.0\" " : " HTTP/1.1\" ");
  front_ = size_;
  put(" \"");
  put_quoted(asked.referer.empty() ? "-" : asked.referer, kField_bytes_max);
  put("\" \"");
  put_quoted(asked.user_agent.empty() ? "-" : asked.user_agent, kField_bytes_max);
  put("\"");
}

bool AccessLine::write(Log& log, std::uint16_t status, std::uint64_t body_bytes) const {
  std::array<char, 32> figures;
  char* at = std::to_chars(figures.begin(), figures.end(), status).ptr;
  *at++ = ' ';
  at = std::to_chars(at, figures.end(), body_bytes).ptr;
  const std::string_view text(text_.data(), size_);
  const std::array<std::string_view, 3> parts{
      text.substr(0, front_),
      {figures.data(), static_cast<std::size_t>(at - figures.data())},
      text.substr(front_)};
  return log.write(parts);
}

void AccessLine::put(std::string_view text) {
  const std::size_t n = std::min(text.size(), text_.size() - size_);
  std::memcpy(text_.data() + size_, text.data(), n);
  size_ += n;
}

// A peer writes no line, and ends no field, of his own: what is odd stands as \xXX.
void AccessLine::put_quoted(std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const std::size_t end = std::min(size_ + bytes_max, text_.size());
  for (const char c : text) {
    if (size_ + 4 > end) return;
    if (plain(c)) {
      text_[size_++] = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    const std::array<char, 4> coded{'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    put({coded.data(), coded.size()});
  }
}

}  // namespace zyphos::web
