// Histograms of the time that system calls take, by role and number, in the kernel.
//
// Entry keeps the time in the thread's own storage, exit puts the difference into the histogram of
// the call. Both look at the role first, so that other processes pay a load and no more. A call
// that was under way when its process was named has no entry, and counts from its next one on.
// Knows neither names nor windows: user space maps `latencies` and subtracts.
//
// Thread safety: each CPU has histograms, and a table of which is whose, of its own; the kernel
// runs a tracing program on a CPU never twice at a time (prog->active), hence plain adds. An entry
// is its thread's alone. Source: raw tracepoints sys_enter, sys_exit.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "follow.bpf.h"
#include "syscall_latency_layout.h"

struct entry {
  __u64 start_ns;  // 0: no call is under way
  __u32 number;
  __u32 generation;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct entry);
} entries SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);  // set before loading, as below
  __type(key, __u32);
  __type(value, __u64);
} rows SEC(".maps");  // [cpu][role][number]: the call's row, 0 none yet; then LAYOUT_USED, _LOST

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} latencies SEC(".maps");  // [cpu][role][row][slot]

// Grows when user space forgets every process: what they had entered then is not measured later.
__u32 generation = 0;

// The context and the registers are part of the tracepoints' signatures and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline __u64* row_slot(int role, __u32 slot) {
  __u32 index = first_slot(role, LAYOUT_ROW_SLOTS) + slot;
  return bpf_map_lookup_elem(&rows, &index);
}

// Which of this CPU's histograms is the call's; row 0 is for all that found none free.
static __always_inline __u32 row_of(int role, __u32 number) {
  __u64* row = row_slot(role, number);
  if (!row) return 0;
  if (*row) return (__u32)*row;
  __u64* used = row_slot(role, LAYOUT_USED);
  if (!used || *used >= LAYOUT_ROWS - 1) return 0;
  *used += 1;
  *row = *used;
  return (__u32)*row;
}

static __always_inline __u32 log2_of(__u64 value) {
  __u32 log2 = 0;
#pragma unroll
  for (int step = 32; step > 0; step /= 2)
    if (value >> step) {
      value >>= step;
      log2 += step;
    }
  return log2;
}

static __always_inline __u32 bucket_of(__u64 ns) {
  if (ns < LAYOUT_STEPS) return (__u32)ns;
  __u32 octave = log2_of(ns);
  if (octave > LAYOUT_OCTAVE_LAST) return LAYOUT_BUCKETS - 1;
  __u32 step = (ns >> (octave - LAYOUT_STEP_BITS)) & (LAYOUT_STEPS - 1);
  return (octave - LAYOUT_STEP_BITS + 1) * LAYOUT_STEPS + step;
}

static __always_inline void add(__u32 index, __u64 value) {
  __u64* slot = bpf_map_lookup_elem(&latencies, &index);
  if (slot) *slot += value;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(enter_call, struct pt_regs* registers, long number) {
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  struct entry* entry =
      bpf_task_storage_get(&entries, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!entry) {
    __u64* lost = row_slot(role, LAYOUT_LOST);
    if (lost) *lost += 1;
    return 0;
  }
  entry->number = number < 0 || number >= LAYOUT_NUMBERS ? LAYOUT_NUMBERS - 1 : (__u32)number;
  entry->generation = generation;
  entry->start_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(leave_call, struct pt_regs* registers, long result) {
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  __u64 now_ns = bpf_ktime_get_ns();
  struct entry* entry = bpf_task_storage_get(&entries, bpf_get_current_task_btf(), 0, 0);
  if (!entry || entry->start_ns == 0) return 0;
  __u64 took_ns = now_ns - entry->start_ns;
  entry->start_ns = 0;
  if (entry->generation != generation) return 0;
  __u32 row = row_of(role, entry->number & (LAYOUT_NUMBERS - 1));
  __u32 first = first_slot(role, LAYOUT_ROWS * LAYOUT_SLOTS) + row * LAYOUT_SLOTS;
  add(first, took_ns);
  add(first + 1 + bucket_of(took_ns), 1);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
