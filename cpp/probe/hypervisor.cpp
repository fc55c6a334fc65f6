#include "probe/hypervisor.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

#include <array>
#include <cstring>
#endif

namespace zyphos {

#if defined(__x86_64__) || defined(__i386__)

std::string hypervisor_signature() {
  constexpr unsigned kHypervisorBit = 1U << 31;
  constexpr unsigned kHypervisorLeaf = 0x40000000;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & kHypervisorBit)) return {};
  __cpuid(kHypervisorLeaf, eax, ebx, ecx, edx);
  std::array<char, 13> text{};  // twelve characters, shorter ones padded with zeros
  const std::array<unsigned, 3> words{ebx, ecx, edx};
  std::memcpy(text.data(), words.data(), 12);
  return text.data();
}

#else

std::string hypervisor_signature() { return {}; }

#endif

}  // namespace zyphos
