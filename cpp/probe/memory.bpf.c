// Calls of the C library's allocator by followed processes: how often, and for how many bytes.
//
// The programs stand at the functions' first instruction, in those processes alone that user space
// attached them to; what a followed process forks is counted as a fork, and not its allocations. A
// realloc of nothing counts as the malloc that it calls in glibc and musl. Knows neither names nor
// windows: user space maps `counts` and subtracts.
//
// Thread safety: programs at user functions may be preempted by another thread's on the same CPU,
// hence atomic adds. Source: uprobes (Documentation/trace/uprobetracer.rst in Linux), malloc(3);
// tracepoint sched_process_fork.
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "follow.bpf.h"
#include "memory.bpf.h"

#define ROLE_SLOTS MEMORY_SLOTS
#include "counts.bpf.h"

// The context is part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline int allocated(__u32 slot, __u64 bytes) {
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  add_shared(role, slot, 1);
  add_shared(role, MEMORY_SLOT_allocated_bytes, bytes);
  return 0;
}

SEC("uprobe")
int BPF_KPROBE(on_malloc, __u64 bytes) { return allocated(MEMORY_SLOT_mallocs, bytes); }

SEC("uprobe")
int BPF_KPROBE(on_calloc, __u64 members, __u64 bytes) {
  return allocated(MEMORY_SLOT_callocs, members * bytes);
}

SEC("uprobe")
int BPF_KPROBE(on_realloc, __u64 old, __u64 bytes) {
  return old ? allocated(MEMORY_SLOT_reallocs, bytes) : 0;
}

SEC("uprobe")
int BPF_KPROBE(on_memalign, __u64 alignment, __u64 bytes) {
  return allocated(MEMORY_SLOT_aligned_allocs, bytes);
}

SEC("uprobe")
int BPF_KPROBE(on_posix_memalign, __u64 result, __u64 alignment, __u64 bytes) {
  return allocated(MEMORY_SLOT_aligned_allocs, bytes);
}

SEC("uprobe")
int BPF_KPROBE(on_free, __u64 block) {
  int role = block ? role_of_current() : NO_ROLE;
  if (role != NO_ROLE) add_shared(role, MEMORY_SLOT_frees, 1);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct___follow* parent, struct task_struct___follow* child) {
  int role = parent->tgid == child->tgid ? NO_ROLE : role_of(parent->tgid);
  if (role != NO_ROLE) add_shared(role, MEMORY_SLOT_forks, 1);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
