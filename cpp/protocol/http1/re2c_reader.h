// What re2c makes of re2c_reader.re, where CMake finds re2c.
#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/http1/read.h"

namespace zyphos::http1 {

struct Re2cHead {
  std::string_view method;
  std::string_view target;
  Fields fields;
};

// Bytes of the head, or 0: refused, or not whole. NULs follow the text.
std::size_t read_by_re2c(std::string_view text, Re2cHead& head);

}  // namespace zyphos::http1
