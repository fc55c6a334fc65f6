#include "tool/code_library.h"

#include <dlfcn.h>

namespace zyphos {
namespace {

using Function = int (*)(const unsigned char*, std::size_t);

class LibraryPath final : public CodePath {
 public:
  LibraryPath(Function function, Bytes input) : function_(function), input_(input) {}
  std::uint64_t run() override {
    const auto* data = reinterpret_cast<const unsigned char*>(input_.data());
    const int result = function_(data, input_.size());
    if (result < 0) throw CodeRefused("what its function refuses: " + std::to_string(result));
    return static_cast<std::uint64_t>(result);
  }

 private:
  Function function_;
  Bytes input_;
};

std::string said(const std::string& path) {
  const char* error = dlerror();  // NOLINT(concurrency-mt-unsafe): its text is the thread's own
  return error != nullptr ? error : path + ": it cannot be loaded";
}

}  // namespace

std::expected<std::unique_ptr<CodePath>, std::string> code_from_library(const std::string& path,
                                                                        const std::string& symbol,
                                                                        Bytes input) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::unexpected(said(path));
  void* found = dlsym(library, symbol.c_str());
  if (found == nullptr) return std::unexpected(said(path));
  return std::make_unique<LibraryPath>(reinterpret_cast<Function>(found), input);
}

}  // namespace zyphos
