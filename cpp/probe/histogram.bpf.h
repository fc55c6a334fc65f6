// Logarithmic histograms in the numbers of a BPF program, and which bucket is which.
//
// Below 32 each value has a bucket; above, each power of two has 16 of equal width, so a bucket's
// middle is within 1/32 (3.2 %) of all that it holds. What is 2^42 or more (73 minutes in ns)
// counts in the last one. Plain C, for BPF programs and for who reads them (slot_histogram.h).
#pragma once

#define HISTOGRAM_BITS 4
#define HISTOGRAM_LIMIT_BITS 42
#define HISTOGRAM_SLOTS 624  // ((42 - 4 - 1) + 2) * 16

static inline __attribute__((always_inline)) unsigned int histogram_log2(unsigned long long value) {
  unsigned int bits = 0;
  for (unsigned int step = 32; step > 0; step >>= 1) {
    if (value >> step) {
      value >>= step;
      bits += step;
    }
  }
  return bits;
}

static inline __attribute__((always_inline)) unsigned int histogram_slot(unsigned long long value) {
  if (value >> HISTOGRAM_LIMIT_BITS) return HISTOGRAM_SLOTS - 1;
  if (value < 2U << HISTOGRAM_BITS) return (unsigned int)value;
  const unsigned int shift = histogram_log2(value) - HISTOGRAM_BITS;
  return (shift << HISTOGRAM_BITS) + (unsigned int)(value >> shift);
}

// The least value of a bucket; that of the next one is beyond it.
static inline __attribute__((always_inline)) unsigned long long histogram_lowest(
    unsigned int slot) {
  if (slot < 2U << HISTOGRAM_BITS) return slot;
  const unsigned int shift = (slot >> HISTOGRAM_BITS) - 1;
  return (unsigned long long)(slot - (shift << HISTOGRAM_BITS)) << shift;
}
