// The kernel that looks at one character after another: the rule by which the others are tested.
#include <algorithm>

#include "scan/kernel_parts.h"

namespace zyphos::scan {
namespace {

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

const char* find(const char* at, const char* end, char wanted) {
  return std::find(at, end, wanted);
}

const char* skip(const char* at, const char* end, const AsciiClass& which) {
  return std::find_if_not(at, end, [&](char c) { return which.has(c); });
}

const char* skip_text(const char* at, const char* end) {
  return std::find_if_not(at, end, is_text);
}

void mark(const char* at, std::size_t blocks, const AsciiClass& names, const AsciiClass& targets,
          Marks* out) {
  for (std::size_t i = 0; i < blocks; ++i) {
    Marks marks{};
    for (std::size_t bit = 0; bit < kBlock_bytes; ++bit) {
      const char c = at[i * kBlock_bytes + bit];
      marks.not_text |= std::uint64_t{!is_text(c)} << bit;
      marks.not_name |= std::uint64_t{!names.has(c)} << bit;
      marks.not_target |= std::uint64_t{!targets.has(c)} << bit;
    }
    out[i] = marks;
  }
}

std::string lack() { return {}; }

}  // namespace

const Kernel kScalarKernel{.name = "scalar",
                           .find = find,
                           .skip = skip,
                           .skip_text = skip_text,
                           .mark = mark,
                           .lack = lack};

}  // namespace zyphos::scan
