// The futex system calls of followed processes: waits and how long they were, wakes and whom.
//
// Entry keeps the time and the operation in the thread's own storage, exit tells by them and by the
// result what it was. A call counts where it returns; only `calls` counts where it enters. A wait
// that began before `epoch_ns` counts from then on, so that a window's times stay within it. Knows
// neither names nor windows: user space maps `counts` and subtracts.
//
// A lock that is free is taken in user space, by no system call: none of that is seen here.
//
// Thread safety: the programs run with preemption off and never from an interrupt, hence plain
// adds to the CPU's own numbers. Source: raw tracepoints sys_enter, sys_exit; futex(2),
// kernel/futex/syscalls.c.
#include <asm/unistd.h>
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/futex.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "epoch.bpf.h"
#include "follow.bpf.h"
#include "histogram.bpf.h"

#include "futex.bpf.h"

#define ROLE_SLOTS FUTEX_SLOTS
#include "counts.bpf.h"

// Newer than some headers; the same on every architecture (scripts/syscall.tbl).
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAKE 454
#define NR_FUTEX_WAIT 455
#define NR_FUTEX_REQUEUE 456
#define OPERATION_LOCK_PI2 13
// What the kernel makes EINTR of, or a restart (include/linux/errno.h, not for user space).
#define RESTART_FIRST 512
#define RESTART_LAST 516

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pt_regs {
#if __TARGET_ARCH_arm64
  __u64 regs[31];
  int syscallno;
#else
  unsigned long si;
  unsigned long orig_ax;
#endif
};
#pragma clang attribute pop

#if __TARGET_ARCH_arm64
#define CALL_NUMBER(registers) (registers)->syscallno
#define SECOND_ARGUMENT(registers) (registers)->regs[1]
#else
#define CALL_NUMBER(registers) (registers)->orig_ax
#define SECOND_ARGUMENT(registers) (registers)->si
#endif

enum kind { OTHER, WAIT, WAIT_BITSET, WAKE, UNLOCK, REQUEUE };

struct call {
  __u64 start_ns;  // 0: none is under way
  __u32 kind;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct call);
} calls SEC(".maps");

// The context is part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline _Bool is_futex(long number) {
  return number == __NR_futex || number == NR_FUTEX_WAITV ||
         (number >= NR_FUTEX_WAKE && number <= NR_FUTEX_REQUEUE);
}

static const __u8 kind_of_operation[] = {
    [FUTEX_WAIT] = WAIT,
    [FUTEX_LOCK_PI] = WAIT,
    [OPERATION_LOCK_PI2] = WAIT,
    [FUTEX_WAIT_REQUEUE_PI] = WAIT,
    [FUTEX_WAIT_BITSET] = WAIT_BITSET,
    [FUTEX_WAKE] = WAKE,
    [FUTEX_WAKE_BITSET] = WAKE,
    [FUTEX_WAKE_OP] = WAKE,
    [FUTEX_UNLOCK_PI] = UNLOCK,
    [FUTEX_REQUEUE] = REQUEUE,
    [FUTEX_CMP_REQUEUE] = REQUEUE,
    [FUTEX_CMP_REQUEUE_PI] = REQUEUE,
};

static __always_inline enum kind kind_of(long number, struct pt_regs* registers) {
  if (number == __NR_futex) {
    __u32 operation = (__u32)SECOND_ARGUMENT(registers) & FUTEX_CMD_MASK;
    return operation < sizeof(kind_of_operation) ? kind_of_operation[operation] : OTHER;
  }
  if (number == NR_FUTEX_WAKE) return WAKE;
  return number == NR_FUTEX_REQUEUE ? REQUEUE : WAIT;
}

// What a wait's result says; EAGAIN: the word had changed already, so it did not sleep.
static __always_inline __u32 slot_of_wait(long result) {
  if (result >= 0) return FUTEX_SLOT_waits_woken;
  if (result == -EAGAIN) return FUTEX_SLOT_waits_changed;
  if (result == -ETIMEDOUT) return FUTEX_SLOT_waits_timed_out;
  if (result == -EINTR || (result <= -RESTART_FIRST && result >= -RESTART_LAST))
    return FUTEX_SLOT_waits_interrupted;
  return FUTEX_SLOT_waits_failed;
}

static __always_inline void count_wait(int role, struct call* call, long result, __u64 now_ns) {
  __u32 slot = slot_of_wait(result);
  add(role, FUTEX_SLOT_waits, 1);
  if (call->kind == WAIT_BITSET) add(role, FUTEX_SLOT_waits_bitset, 1);
  add(role, slot, 1);
  if (slot == FUTEX_SLOT_waits_changed || slot == FUTEX_SLOT_waits_failed) return;
  __u64 wait_ns = since_epoch(call->start_ns, now_ns);
  add(role, FUTEX_SLOT_wait_ns, wait_ns);
  add(role, FUTEX_WAIT_HISTOGRAM + histogram_slot(wait_ns), 1);
}

static __always_inline void count_wake(int role, long result) {
  add(role, FUTEX_SLOT_wakes, 1);
  if (result == 0) add(role, FUTEX_SLOT_wakes_empty, 1);
  if (result > 0) add(role, FUTEX_SLOT_woken, (__u64)result);
}

static __always_inline void count_result(int role, struct call* call, long result, __u64 now_ns) {
  if (call->kind == WAIT || call->kind == WAIT_BITSET) count_wait(role, call, result, now_ns);
  if (call->kind == WAKE) count_wake(role, result);
  if (call->kind == UNLOCK) add(role, FUTEX_SLOT_wakes, 1);
  if (call->kind == REQUEUE) {
    add(role, FUTEX_SLOT_requeues, 1);
    if (result > 0) add(role, FUTEX_SLOT_woken, (__u64)result);
  }
}

SEC("tp_btf/sys_enter")
int BPF_PROG(enter_futex, struct pt_regs* registers, long number) {
  if (!is_futex(number)) return 0;
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  add(role, FUTEX_SLOT_calls, 1);
  struct call* call =
      bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!call) {
    add(role, FUTEX_SLOT_lost, 1);
    return 0;
  }
  call->kind = kind_of(number, registers);
  call->start_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(leave_futex, struct pt_regs* registers, long result) {
  if (!is_futex((long)CALL_NUMBER(registers))) return 0;
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  __u64 now_ns = bpf_ktime_get_ns();
  struct call* call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), 0, 0);
  if (!call || call->start_ns == 0) return 0;
  count_result(role, call, result, now_ns);
  call->start_ns = 0;
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
