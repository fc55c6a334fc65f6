#include "reference/framing.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

namespace zyphos::reference {
namespace {

// Messages of a fixed size; the answer is the message, cut or repeated to its size.
class EchoFraming final : public Framing {
 public:
  explicit EchoFraming(const Options& options)
      : message_bytes_(options.message_bytes),
        response_bytes_(options.response_bytes.value_or(options.message_bytes)) {}

  std::size_t request_bytes(ConstBytes held) const override {
    return held.size() >= message_bytes_ ? message_bytes_ : 0;
  }
  void answer(ConstBytes request, std::string& out) const override {
    for (std::size_t left = response_bytes_; left > 0;) {
      const std::size_t part = std::min(left, request.size());
      out.append(as_text(request.first(part)));
      left -= part;
    }
  }

 private:
  std::size_t message_bytes_;
  std::size_t response_bytes_;
};

bool equal_in_any_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// The Content-Length of a head (RFC 9112, 6.2); 0 when it names none.
std::size_t body_bytes(std::string_view head) {
  constexpr std::string_view kName = "content-length:";
  for (std::size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at)) {
    ++at;
    if (!equal_in_any_case(head.substr(at, kName.size()), kName)) continue;
    std::string_view value = head.substr(at + kName.size());
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    std::size_t size = 0;
    std::from_chars(value.data(), value.data() + value.size(), size);
    return std::min(size, 2 * kRequest_bytes_max);
  }
  return 0;
}

class Http1Framing final : public Framing {
 public:
  explicit Http1Framing(const Options& options) {
    const std::size_t size = options.response_bytes.value_or(13);
    answer_ = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    const std::size_t whole = answer_.size() + size;
    while (answer_.size() < whole) answer_ += "Hello, world!";
    answer_.resize(whole);
  }

  std::size_t request_bytes(ConstBytes held) const override {
    const std::string_view text = as_text(held);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    const std::size_t head = end + 4;
    // GET has no body here, and is the request whose cost counts.
    if (text.starts_with("GET ")) return head;
    const std::size_t size = head + body_bytes(text.substr(0, end));
    return size <= text.size() ? size : 0;
  }
  void answer(ConstBytes, std::string& out) const override { out += answer_; }

 private:
  std::string answer_;
};

struct Entry {
  std::string_view name;
  std::unique_ptr<Framing> (*make)(const Options&);
};

template <class T>
std::unique_ptr<Framing> make(const Options& options) {
  return std::make_unique<T>(options);
}

constexpr std::array<Entry, 2> kTable{{
    {"echo", make<EchoFraming>},
    {"http1", make<Http1Framing>},
}};

}  // namespace

std::unique_ptr<Framing> make_framing(const Options& options) {
  const auto found = std::ranges::find(kTable, options.protocol, &Entry::name);
  return found == kTable.end() ? nullptr : found->make(options);
}

std::vector<std::string> protocol_names() {
  std::vector<std::string> names;
  names.reserve(kTable.size());
  for (const Entry& entry : kTable) names.emplace_back(entry.name);
  return names;
}

}  // namespace zyphos::reference
