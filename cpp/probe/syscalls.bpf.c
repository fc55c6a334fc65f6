// Counts system calls by role and number, in the kernel, exactly.
//
// One program at every system call's entry: a look-up of the role, one add.
// Knows neither names nor windows: user space maps `counts` and subtracts.
//
// Thread safety: one slot per CPU, and the kernel runs a tracing program on a CPU never twice at a
// time (the count in prog->active; a run that it refuses is in recursion_misses), hence a plain
// add, which costs a third of an atomic one. Source: raw tracepoint sys_enter
// (include/trace/events/syscalls.h in Linux).
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "follow.bpf.h"

#define ROLE_SLOTS 512  // the last one takes every number that is out of range
#include "counts.bpf.h"

// The context and the registers are part of the tracepoints' signatures and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

SEC("tp_btf/sys_enter")
int BPF_PROG(count_entry, struct pt_regs* registers, long number) {
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  if (number < 0 || number >= ROLE_SLOTS) number = ROLE_SLOTS - 1;
  add(role, (__u32)number, 1);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
