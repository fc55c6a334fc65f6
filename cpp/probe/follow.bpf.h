// What every BPF probe shares: whose processes these are. Included by x.bpf.c, once per object.
//
// A process has a role when user space gave it one (bpf_loading.h: FollowedRoles), or when the
// process that forked it had one: a whole tree is followed from its root on, from then on.
// Knows nothing of what the probe counts. Include <linux/bpf.h>, <bpf/bpf_helpers.h> and
// <bpf/bpf_tracing.h> before it.
//
// One byte per process id, so that a program's filter is a load and no hash: some 5 ns less.
//
// Thread safety: bytes are stored whole. A new process's is written before it runs for the first
// time (the tracepoint stands before wake_up_new_task), with its parent's role or none, so that a
// number that comes again brings no role along. Source: tracepoint sched_process_fork
// (include/trace/events/sched.h in Linux).
#pragma once

#include "probe/roles.bpf.h"

// Only the field that is used: CO-RE finds its offset in the running kernel, and takes the name up
// to the three underscores, so that a probe may declare a task_struct of its own.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct___follow {
  int tgid;
};
#pragma clang attribute pop

#define PIDS_PER_BLOCK 64
#define PID_LIMIT 4194304  // PID_MAX_LIMIT of 64-bit kernels (include/linux/threads.h)

struct role_block {
  __u8 of[PIDS_PER_BLOCK];  // by thread group: role + 1, 0 where it is not followed
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, PID_LIMIT / PIDS_PER_BLOCK);  // 4 MiB
  __type(key, __u32);
  __type(value, struct role_block);
} roles SEC(".maps");

static __always_inline __u8* role_byte(__u32 tgid) {
  __u32 block = tgid / PIDS_PER_BLOCK;
  struct role_block* found = bpf_map_lookup_elem(&roles, &block);
  return found ? &found->of[tgid % PIDS_PER_BLOCK] : 0;
}

// The role of a thread group, NO_ROLE for one that is not followed.
static __always_inline int role_of(__u32 tgid) {
  __u8* byte = role_byte(tgid);
  return byte ? (int)*byte - 1 : NO_ROLE;
}

// That of the thread group that runs now; an interrupt's program sees whoever it interrupted.
static __always_inline int role_of_current(void) {
  return role_of(bpf_get_current_pid_tgid() >> 32);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct___follow* parent, struct task_struct___follow* child) {
  __u32 from = parent->tgid;
  __u32 to = child->tgid;
  (void)ctx;
  if (from == to)  // a thread: its group is known already
    return 0;
  __u8* role = role_byte(from);
  __u8* child_role = role_byte(to);
  if (role && child_role) *child_role = *role;
  return 0;
}
