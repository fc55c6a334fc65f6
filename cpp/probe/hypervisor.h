// Which hypervisor this code runs under, from the processor itself.
#pragma once

#include <string>

namespace zyphos {

// The signature in CPUID leaf 0x40000000 ("KVMKVMKVM", "Microsoft Hv", "VMwareVMware"); empty on
// bare metal and on architectures without CPUID. Thread-safe; traps into the hypervisor, some
// 10-100 us. Source: the hypervisor bit, CPUID 1 ECX[31].
std::string hypervisor_signature();

}  // namespace zyphos
