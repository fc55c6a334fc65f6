// Counts system calls by role and number, in the kernel, exactly.
//
// Two programs: one at every system call's entry (a hash lookup, one atomic add), one at fork,
// which gives a child process its parent's role, so that a whole tree is counted from its root on.
// Knows neither names nor windows: user space maps `counts` and subtracts.
//
// Thread safety: adds are atomic, because a program may be preempted by another on the same CPU;
// one slot per CPU, so that the adds never contend. Source: raw tracepoints sys_enter and
// sched_process_fork (include/trace/events in Linux).
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define ROLES 2
#define SLOTS 512  // the last one takes every number that is out of range

// Only the field that is used: CO-RE finds its offset in the running kernel.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct {
  int tgid;
};
#pragma clang attribute pop

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, __u32);    // thread group
  __type(value, __u32);  // role: 0 server, 1 client
} roles SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, ROLES* SLOTS);  // times the number of CPUs, set before loading
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

// The context and the registers are part of the tracepoints' signatures and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

SEC("tp_btf/sys_enter")
int BPF_PROG(count_entry, struct pt_regs* registers, long number) {
  __u32 tgid = bpf_get_current_pid_tgid() >> 32;
  __u32* role = bpf_map_lookup_elem(&roles, &tgid);
  if (!role) return 0;
  if (number < 0 || number >= SLOTS) number = SLOTS - 1;
  __u32 index = (bpf_get_smp_processor_id() * ROLES + (*role & 1)) * SLOTS + (__u32)number;
  __u64* count = bpf_map_lookup_elem(&counts, &index);
  if (count) __sync_fetch_and_add(count, 1);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct* parent, struct task_struct* child) {
  __u32 from = parent->tgid;
  __u32 to = child->tgid;
  if (from == to)  // a thread: its group is known already
    return 0;
  __u32* role = bpf_map_lookup_elem(&roles, &from);
  if (role) bpf_map_update_elem(&roles, &to, role, BPF_ANY);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
