// Code paths from shared libraries: a C function of somebody's own, such as another parser.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "tool/code_path.h"

namespace zyphos {

// `int symbol(const unsigned char* in, size_t n)`: at least 0 and the same each time, or below 0
// when the input is not for it. kReadPadding readable bytes follow the input. The library stays
// loaded. Error: one line.
std::expected<std::unique_ptr<CodePath>, std::string> code_from_library(const std::string& path,
                                                                        const std::string& symbol,
                                                                        Bytes input);

}  // namespace zyphos
