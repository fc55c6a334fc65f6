// Kernel: what looks at many characters at a time, once for each instruction set. All kernels say
// the same; they differ in speed alone. Which of them a machine has is asked at run time, so that
// one build runs everywhere.
//
// "Text" is what a field value may hold: HTAB, SP, visible ASCII and bytes from 0x80 on
// (RFC 9110, 5.5). Knows no protocol beyond that.
//
// kReadPadding readable bytes follow every input (base/bytes.h); they never decide anything.
// Thread safety: kernels are constant. Nothing here allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "scan/ascii_class.h"

namespace zyphos::scan {

inline constexpr std::size_t kBlock_bytes = 64;

// Of one block: a bit for each byte, the first byte's lowest.
struct Marks {
  std::uint64_t not_text;
  std::uint64_t not_name;    // outside the one class
  std::uint64_t not_target;  // outside the other
};

struct Kernel {
  std::string_view name;
  std::size_t width_bytes = 1;  // looked at together

  // First character of [at, end) that ..., or end. O(end - at).
  const char* (*find)(const char* at, const char* end, char wanted) = nullptr;        // is this one
  const char* (*skip)(const char* at, const char* end, const AsciiClass&) = nullptr;  // is outside
  const char* (*skip_text)(const char* at, const char* end) = nullptr;                // is not text

  // The marks of `blocks` blocks from `at` on, of which the last begins before the input's end.
  void (*mark)(const char* at, std::size_t blocks, const AsciiClass& names,
               const AsciiClass& targets, Marks* out) = nullptr;

  // Why it can't run here; empty: it can.
  std::string (*lack)() = nullptr;
};

// All that were built for this processor's kind, from the plainest, which runs everywhere, to the
// widest: scalar, sse4.2, avx2, avx512.
std::span<const Kernel> kernels();
// The widest that can run here.
const Kernel& best_kernel();
// By name; nullptr: there is none.
const Kernel* find_kernel(std::string_view name);

}  // namespace zyphos::scan
