// The numbers that futex.bpf.c keeps for a role, in order. Plain C, for it and for its reader;
// needs histogram.bpf.h before it.
#pragma once

// Each X(name) is one number of a role; times are in ns.
// clang-format off
#define FUTEX_COUNTS(X) \
  X(calls) X(waits) X(waits_bitset) \
  X(waits_woken) X(waits_changed) X(waits_timed_out) \
  X(waits_interrupted) X(waits_failed) X(wait_ns) \
  X(wakes) X(wakes_empty) X(woken) \
  X(requeues) X(lost)
// clang-format on

enum {
#define FUTEX_SLOT(name) FUTEX_SLOT_##name,
  FUTEX_COUNTS(FUTEX_SLOT)
#undef FUTEX_SLOT
      FUTEX_WAIT_HISTOGRAM,
  FUTEX_SLOTS = FUTEX_WAIT_HISTOGRAM + HISTOGRAM_SLOTS
};
