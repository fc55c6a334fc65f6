// The memory in which libzyphos-count-allocations.so counts, and its reader: a file of this size,
// zeroed, that any number of processes map. Slots are added up; zyphos_lab/probes/preload.py does.
//
// Thread safety: atomic adds by any process; a reader sees each number whole, but not all of one
// instant.
#pragma once

#include <cstdint>

namespace zyphos {

struct AllocationCounts {
  static constexpr std::uint64_t kSlots = 1023;
  struct alignas(64) Slot {
    std::uint64_t numbers[8];  // in the order of memory.bpf.h, from mallocs to allocated_bytes
  };

  std::uint64_t taken;  // slots handed out: more than there are begin again at the first
  Slot slots[kSlots];
};
static_assert(sizeof(AllocationCounts) == 1024 * 64);

}  // namespace zyphos
