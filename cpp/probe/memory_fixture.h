// Where this process's allocator is, for memory_test.cpp and memory_bench.cpp.
#pragma once

#include <fstream>
#include <string>

namespace zyphos {

// The C library's file; empty where it is none of this process's.
inline std::string libc_file() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.contains(" r-xp ") && line.contains("/libc.so")) return line.substr(line.find('/'));
  return {};
}

}  // namespace zyphos
