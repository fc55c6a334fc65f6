// Any bytes as a chunked body: the reader says of them, cut in any way, what a plain reading by
// descent says of the whole. The first bytes of the input choose the cuts.
#include <cstring>
#include <string>

#include "base/check.h"
#include "protocol/http1/body_reader.h"
#include "protocol/http1/grammar.h"
#include "testing/fuzz_main.h"
#include "testing/splits.h"

namespace zyphos::http1 {
namespace {

struct Read {
  std::string data;
  std::string ending = "partial";
  std::size_t size = 0;  // bytes up to the end; done alone has one
  bool operator==(const Read&) const = default;
};

// RFC 9112, 7.1 once more, from the whole and with nothing kept between two bytes.
class Plain {
 public:
  explicit Plain(std::string_view text) : text_(text) {}

  Read read() {
    bool whole = true;
    while (whole) whole = chunk();
    return read_;
  }

 private:
  bool chunk() {
    std::uint64_t size = 0;
    if (!size_line(size)) return false;
    if (size == 0) return trailers();
    const std::string_view data = text_.substr(at_, size);
    read_.data += data;
    at_ += data.size();
    return data.size() == size && literal("\r\n");
  }

  bool size_line(std::uint64_t& size) {
    constexpr std::size_t kDigits_max = 15;
    const std::size_t digits = run(kHexDigit);
    if (digits > kDigits_max) return wrong();
    if (digits == 0) return more() ? wrong() : false;
    for (const char c : text_.substr(at_ - digits, digits)) {
      size = size * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return extension() && literal("\r\n");
  }

  bool extension() {
    const std::size_t blanks = std::min(text_.find_first_not_of(" \t", at_), text_.size()) - at_;
    at_ += blanks;
    if (!count(blanks) || !more()) return false;
    if (text_[at_] != ';') return blanks == 0 || wrong();
    ++at_;
    return count(1 + run(kFieldChar));
  }

  bool trailers() {
    while (more() && text_[at_] != '\r') {
      const std::size_t name = run(kTokenChar);
      if (!count(name)) return false;
      if (name == 0) return wrong();
      if (!literal(":") || !count(run(kFieldChar)) || !literal("\r\n")) return false;
    }
    if (!literal("\r\n")) return false;
    read_.ending = "done";
    read_.size = at_;
    return false;
  }

  bool more() const { return at_ < text_.size(); }
  bool wrong() {
    read_.ending = "bad";
    return false;
  }
  bool count(std::size_t bytes) {
    overhead_ += bytes;
    return overhead_ <= ChunkedReader::kOverhead_bytes_max || wrong();
  }
  std::size_t run(Class which) {
    const std::size_t from = at_;
    while (more() && is(text_[at_], which)) ++at_;
    return at_ - from;
  }
  bool literal(std::string_view wanted) {
    for (const char c : wanted) {
      if (!more()) return false;
      if (text_[at_] != c) return wrong();
      ++at_;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t overhead_ = 0;
  Read read_;
};

Read by_reader(const testing::Pieces& pieces) {
  BodyReader body;
  body.open(Body::chunked, 0);
  Read read;
  for (const std::string_view piece : pieces) {
    std::string bytes(piece);
    Bytes rest = std::as_writable_bytes(std::span(bytes));
    while (!rest.empty() && !body.done() && !body.bad()) {
      const Bytes data = body.data(rest);
      read.data += as_text(data);
      body.took(rest, data.size());
    }
    read.size += piece.size() - rest.size();
    if (body.done() || body.bad()) break;
  }
  if (body.bad()) read.ending = "bad";
  if (body.done()) read.ending = "done";
  if (!body.done()) read.size = 0;
  return read;
}

void check(std::string_view data) {
  constexpr std::size_t kControl_bytes = 2;
  if (data.size() < kControl_bytes) return;
  const auto control = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  const std::string_view input = data.substr(kControl_bytes);
  const Read plain = Plain(input).read();
  ZY_CHECK(by_reader({input}) == plain);
  ZY_CHECK(by_reader(testing::cut_randomly(input, control(0), 1U + control(1))) == plain);
}

}  // namespace
}  // namespace zyphos::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  zyphos::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}

ZYPHOS_FUZZ_MAIN("protocol/http1/corpus/protocol_http1_chunked_fuzz")
