#include "scan/kernel.h"

#include <algorithm>
#include <array>

#include "scan/kernel_parts.h"

namespace zyphos::scan {

std::span<const Kernel> kernels() {
#if defined(__x86_64__)
  static const std::array kAll{kScalarKernel, kSse42Kernel, kAvx2Kernel, kAvx512Kernel};
#else
  static const std::array kAll{kScalarKernel};
#endif
  return kAll;
}

const Kernel& best_kernel() {
  static const Kernel& best = [&]() -> const Kernel& {
    const auto all = kernels();
    std::size_t at = all.size() - 1;
    while (!all[at].lack().empty()) --at;  // the first lacks nothing
    return all[at];
  }();
  return best;
}

const Kernel* find_kernel(std::string_view name) {
  const auto all = kernels();
  const auto found = std::ranges::find(all, name, &Kernel::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace zyphos::scan
