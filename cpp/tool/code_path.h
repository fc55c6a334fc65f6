// CodePath: a pure piece of code on one input, to be run many times and counted. The named ones are
// listed in code_paths.cpp; others come from shared libraries (code_library.h).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace zyphos {

class CodePath {
 public:
  virtual ~CodePath() = default;
  // One iteration. The same number each time: what came of the input, so that nothing is optimised
  // away and a wrong result is seen. Throws CodeRefused when the input is not for it.
  virtual std::uint64_t run() = 0;
};

class CodeRefused : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `input`: kReadPadding readable bytes behind, mutable; it outlives the path.
using MakeCodePath = std::unique_ptr<CodePath> (*)(Bytes input);

struct NamedCodePath {
  std::string_view name;
  std::string_view help;
  MakeCodePath make;
};

// By name, in alphabetical order.
std::span<const NamedCodePath> code_paths();

// Error: one line, with "did you mean".
std::expected<const NamedCodePath*, std::string> find_code_path(std::string_view name);

}  // namespace zyphos
