// The numbers that sched.bpf.c keeps for a role, in order. Plain C, for it and for its reader;
// needs histogram.bpf.h before it.
#pragma once

// Each X(name) is one number of a role; times are in ns.
// clang-format off
#define SCHED_COUNTS(X) \
  X(switches_voluntary) X(switches_involuntary) X(migrations) \
  X(starts) X(wakeups) X(wakeups_by_own) \
  X(wakeups_by_peer) X(wakeups_by_idle) X(wakeups_by_other) \
  X(wakeups_same_cpu) X(wakeups_other_cpu) X(run_delay_ns) \
  X(sleeping_ns) X(preempted_ns) X(lost)
// clang-format on

enum {
#define SCHED_SLOT(name) SCHED_##name,
  SCHED_COUNTS(SCHED_SLOT)
#undef SCHED_SLOT
      SCHED_RUN_DELAY_HISTOGRAM,
  SCHED_SLEEPING_HISTOGRAM = SCHED_RUN_DELAY_HISTOGRAM + HISTOGRAM_SLOTS,
  SCHED_PREEMPTED_HISTOGRAM = SCHED_SLEEPING_HISTOGRAM + HISTOGRAM_SLOTS,
  SCHED_SLOTS = SCHED_PREEMPTED_HISTOGRAM + HISTOGRAM_SLOTS
};
