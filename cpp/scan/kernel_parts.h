// The kernels, each in a file of its own, for kernel.cpp and their tests' sake.
#pragma once

#include "scan/kernel.h"

namespace zyphos::scan {

extern const Kernel kScalarKernel;
#if defined(__x86_64__)
extern const Kernel kSse42Kernel;
extern const Kernel kAvx2Kernel;
extern const Kernel kAvx512Kernel;
#endif

}  // namespace zyphos::scan
