#include "protocol/http1/relax.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "protocol/http1/grammar.h"

namespace zyphos::http1 {
namespace {

constexpr unsigned kBlankLines_max = 8;
// Nothing is folded into these: who reads them otherwise frames or routes otherwise.
constexpr std::array<std::string_view, 6> kUnfolded{
    "host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"};

bool blank(char c) { return c == ' ' || c == '\t'; }

std::string_view name_of(std::string_view line) {
  const char* const end = skip(line.data(), line.data() + line.size(), kTokenChar);
  return {line.data(), end};
}

// The lines of a head as they will be written.
class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : text_(text) {}

  Relaxed run(bool clamped) {
    while (blank_lines_ <= kBlankLines_max) {
      std::string_view line;
      const ReadState found = next(line);
      if (found == ReadState::partial && clamped) return {};
      if (found != ReadState::done) return {.state = found, .text = {}};
      if (!line.empty()) {
        if (!add(line)) return {};
      } else if (!lines_.empty()) {
        return written();
      } else {
        ++blank_lines_;
      }
    }
    return {};
  }

 private:
  // All lines have to end as the first one does.
  ReadState next(std::string_view& line) {
    const std::size_t end = text_.find('\n', at_);
    if (end == text_.npos) return ReadState::partial;
    line = text_.substr(at_, end - at_);
    at_ = end + 1;
    const bool crlf = line.ends_with('\r');
    if (crlf) line.remove_suffix(1);
    if (line.find('\r') != line.npos) return ReadState::bad;
    if (known_ && crlf != crlf_) return ReadState::bad;
    known_ = true;
    crlf_ = crlf;
    return ReadState::done;
  }

  bool add(std::string_view line) {
    if (blank(line.front())) return fold(line);
    if (same_name(name_of(line), "content-length")) {
      if (!length_.empty()) return line == length_;
      length_ = line;
    }
    lines_.emplace_back(line);
    return true;
  }

  bool fold(std::string_view line) {
    while (!line.empty() && blank(line.front())) line.remove_prefix(1);
    if (line.empty() || lines_.size() < 2) return false;
    const std::string_view into = name_of(lines_.back());
    if (std::ranges::any_of(kUnfolded, [&](auto name) { return same_name(into, name); })) {
      return false;
    }
    std::string_view behind = line.substr(name_of(line).size());
    while (!behind.empty() && blank(behind.front())) behind.remove_prefix(1);
    if (behind.starts_with(':')) return false;
    lines_.back().append(" ").append(line);
    return true;
  }

  Relaxed written() const {
    Relaxed made{.state = ReadState::done, .text = {}};
    for (const std::string& line : lines_) made.text.append(line).append("\r\n");
    made.text.append("\r\n");
    made.text_bytes = made.text.size();
    made.text.resize(made.text_bytes + kReadPadding);
    made.size = at_;
    return made;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool known_ = false;
  bool crlf_ = false;
  unsigned blank_lines_ = 0;
  std::string_view length_;
  std::vector<std::string> lines_;
};

}  // namespace

Relaxed relax(ConstBytes in, const ReadLimits& limits) {
  const bool clamped = in.size() >= limits.head_bytes_max;
  const std::string_view text = as_text(in).substr(0, limits.head_bytes_max);
  return Rewriter(text).run(clamped);
}

}  // namespace zyphos::http1
