#include "peer/hello.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace zyphos::peer {
namespace {

constexpr std::string_view kBody = "Hello, world!";
constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::string_view kClose = "\r\nConnection: close";
constexpr std::size_t kMalformed = std::string_view::npos;

struct Request {
  bool head_only = false;
  bool keep = true;
  bool host = false;
  std::size_t body_bytes = 0;
  int refused = 0;  // status, where it is not answered
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// `small` is in lower case.
bool same(std::string_view text, std::string_view small) {
  return text.size() == small.size() && std::equal(text.begin(), text.end(), small.begin(),
                                                   [](char a, char b) { return lower(a) == b; });
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Whether a list of options such as `keep-alive, Upgrade` has this one.
bool lists(std::string_view text, std::string_view small) {
  for (;;) {
    const std::size_t comma = text.find(',');
    if (same(trimmed(text.substr(0, comma)), small)) return true;
    if (comma == std::string_view::npos) return false;
    text.remove_prefix(comma + 1);
  }
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? value : kMalformed;
}

// RFC 9112, 3: `GET /path HTTP/1.1`.
void read_line(std::string_view line, Request& request) {
  const std::size_t target = line.find(' ');
  const std::size_t version = line.rfind(' ');
  if (target == std::string_view::npos || version <= target + 1) {
    request.refused = 400;
    return;
  }
  const std::string_view method = line.substr(0, target);
  const std::string_view last = line.substr(version + 1);
  request.head_only = method == "HEAD";
  if (!request.head_only && method != "GET") request.refused = 405;
  if (last == "HTTP/1.0") {
    request.keep = false;
    request.host = true;  // it need not say one
  } else if (last != "HTTP/1.1") {
    request.refused = 505;
  }
}

void take_field(std::string_view name, std::string_view value, Request& request) {
  if (same(name, "host")) {
    request.host = true;
  } else if (same(name, "connection")) {
    if (lists(value, "close")) request.keep = false;
    if (lists(value, "keep-alive")) request.keep = true;
  } else if (same(name, "content-length")) {
    request.body_bytes = number(value);
    if (request.body_bytes == kMalformed) request.refused = 400;
  } else if (same(name, "transfer-encoding")) {
    request.refused = 501;
  }
}

// RFC 9112, 5: `Name: value`.
void read_field(std::string_view line, Request& request) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || line[colon - 1] == ' ') {
    request.refused = 400;
    return;
  }
  take_field(line.substr(0, colon), trimmed(line.substr(colon + 1)), request);
}

// `head` ends with the line end of its last line.
Request read_head(std::string_view head) {
  Request request;
  std::size_t end = head.find("\r\n");
  read_line(head.substr(0, end), request);
  for (head.remove_prefix(end + 2); !head.empty() && request.refused == 0;
       head.remove_prefix(end + 2)) {
    end = head.find("\r\n");
    read_field(head.substr(0, end), request);
  }
  if (request.refused == 0 && !request.host) request.refused = 400;
  if (request.refused == 0 && request.body_bytes > kBodyBytes_max) request.refused = 413;
  return request;
}

std::string_view reason(int status) {
  switch (status) {
    case 405: return "405 Method Not Allowed\r\nAllow: GET, HEAD";
    case 413: return "413 Content Too Large";
    case 431: return "431 Request Header Fields Too Large";
    case 501: return "501 Not Implemented";
    case 505: return "505 HTTP Version Not Supported";
    default: return "400 Bad Request";
  }
}

void refuse(int status, std::string& out) {
  out += "HTTP/1.1 ";
  out += reason(status);
  out += "\r\nContent-Length: 0";
  out += kClose;
  out += kEnd;
}

// `head`: as Hello has it.
void give(const Request& request, std::string_view head, std::string& out) {
  out += head;
  if (!request.keep) out += kClose;
  out += kEnd;
  if (!request.head_only) out += kBody;
}

}  // namespace

void Hello::set_date(std::time_t now) {
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> date{};
  // The C locale's names: no program here sets another.
  const std::size_t size =
      std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  head_ = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ";
  head_ += std::string_view(date.data(), size);
  head_ += "\r\nContent-Length: " + std::to_string(kBody.size());
  answer_ = head_;
  answer_ += kEnd;
  answer_ += kBody;
}

Hello::Step Hello::answer(std::string_view in, std::string& out) const {
  Step step;
  while (!step.close) {
    const std::string_view rest = in.substr(step.consumed);
    const std::size_t end = rest.substr(0, kHeadBytes_max).find(kEnd);
    if (end == std::string_view::npos) {
      if (rest.size() < kHeadBytes_max) break;
      refuse(431, out);
      step.close = true;
      break;
    }
    const Request request = read_head(rest.substr(0, end + 2));
    if (request.refused != 0) {
      refuse(request.refused, out);
      step.close = true;
      break;
    }
    const std::size_t whole = end + kEnd.size() + request.body_bytes;
    if (rest.size() < whole) break;
    step.consumed += whole;
    step.close = !request.keep;
    if (request.keep && !request.head_only) {
      out += answer_;
    } else {
      give(request, head_, out);
    }
  }
  return step;
}

}  // namespace zyphos::peer
