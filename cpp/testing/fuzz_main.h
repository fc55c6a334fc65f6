// A fuzzer's main in ordinary builds: replays the files and folders given, or the corpus folder
// beside the source, through LLVMFuzzerTestOneInput. libFuzzer builds (ZYPHOS_LIBFUZZER) have their
// own. Include in the fuzzer's one source file.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#ifndef ZYPHOS_LIBFUZZER

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace zyphos::testing {

inline std::size_t replay(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (fs::is_directory(path)) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(path)) count += replay(entry.path());
    return count;
  }
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return 1;
}

// Exit code 0 when at least one input was there and none ended the program.
inline int replay_main(int argc, char** argv, const char* corpus) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) count += replay(argv[i]);
  if (argc == 1) count = replay(corpus);
  std::printf("replayed %zu inputs\n", count);
  return count > 0 ? 0 : 1;
}

}  // namespace zyphos::testing

#define ZYPHOS_FUZZ_MAIN(corpus_in_cpp)                                                       \
  int main(int argc, char** argv) {                                                           \
    return zyphos::testing::replay_main(argc, argv, ZYPHOS_SOURCE_DIR "/cpp/" corpus_in_cpp); \
  }

#else

#define ZYPHOS_FUZZ_MAIN(corpus_in_cpp) static_assert(true);

#endif
