#include "probe/role_counter.h"

#include <stdexcept>

#include "probe/histogram.bpf.h"

namespace zyphos {

Histogram histogram_of_slots(std::span<const std::uint64_t> slots) {
  if (slots.size() != HISTOGRAM_SLOTS) throw std::invalid_argument("not a histogram's slots");
  Histogram histogram;
  for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; ++slot) {
    if (slots[slot] == 0) continue;
    const std::uint64_t lowest = histogram_lowest(slot), next = histogram_lowest(slot + 1);
    histogram.record(static_cast<std::int64_t>(lowest + (next - lowest - 1) / 2), slots[slot]);
  }
  return histogram;
}

}  // namespace zyphos
