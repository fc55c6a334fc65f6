// Every system call of the followed processes, one by one, when it returns: number, arguments,
// result, and the times of its entry and its end. For looking at one connection's life; what counts
// and what takes times of many calls is syscalls and syscall_latency.
//
// Knows no names and follows no pointers. A call that never returns (exit) is not told, and one
// that was under way when its process was named only from its next one on.
//
// Thread safety: an entry is its thread's alone, the ring orders its writers. Source: raw
// tracepoints sys_enter, sys_exit; the arguments' registers as in bpf_tracing.h.
#include <linux/bpf.h>

#include <asm/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "follow.bpf.h"
#include "syscall_sequence.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct syscall_done);
} entries SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, SYSCALL_SEQUENCE_BYTES);
} events SEC(".maps");

// Calls for which the kernel had no memory, or the ring no room.
__u64 lost = 0;

// The context is part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

#define ARGUMENT(into, from) bpf_probe_read_kernel(&(into), sizeof(into), &(from))

SEC("tp_btf/sys_enter")
int BPF_PROG(enter_call, struct pt_regs* registers, long number) {
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  struct syscall_done* entry =
      bpf_task_storage_get(&entries, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!entry) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  __u64 ids = bpf_get_current_pid_tgid();
  entry->process = ids >> 32;
  entry->thread = (__u32)ids;
  entry->number = (__u32)number;
  entry->role = (__u32)role;
  ARGUMENT(entry->first, PT_REGS_PARM1_SYSCALL(registers));
  ARGUMENT(entry->second, PT_REGS_PARM2_SYSCALL(registers));
  ARGUMENT(entry->third, PT_REGS_PARM3_SYSCALL(registers));
  ARGUMENT(entry->fourth, PT_REGS_PARM4_SYSCALL(registers));
  entry->begin_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(leave_call, struct pt_regs* registers, long result) {
  if (role_of_current() == NO_ROLE) return 0;
  __u64 now_ns = bpf_ktime_get_ns();
  struct syscall_done* entry = bpf_task_storage_get(&entries, bpf_get_current_task_btf(), 0, 0);
  if (!entry || entry->begin_ns == 0) return 0;
  entry->end_ns = now_ns;
  entry->result = result;
  if (bpf_ringbuf_output(&events, entry, sizeof *entry, BPF_RB_NO_WAKEUP))
    __sync_fetch_and_add(&lost, 1);
  entry->begin_ns = 0;
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
