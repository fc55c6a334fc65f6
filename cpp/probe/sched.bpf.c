// What the scheduler does with followed processes: switches, waits for a CPU, sleeps, wake-ups.
//
// A thread off a CPU is asleep until someone wakes it, then runnable until it is switched in; one
// that was preempted is runnable at once. Each wait counts where it ends. A wait that began before
// `epoch_ns` counts from then on, so that a window's times stay within the window; the wait for a
// CPU is kept whole, as the kernel's own run_delay is.
//
// What a switch is follows the kernel (__schedule() in kernel/sched/core.c): voluntary where the
// thread was not preempted and was about to sleep. Knows neither names nor windows: user space maps
// `counts` and subtracts.
//
// Thread safety: all of these tracepoints stand where interrupts are off, so numbers are added to
// without atomics, one slot per CPU. A thread's own state is written under its run queue's lock but
// for the waker's part, which is under the thread's pi_lock. Source: tracepoints sched_switch,
// sched_waking, sched_wakeup, sched_wakeup_new, sched_migrate_task (include/trace/events/sched.h).
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "epoch.bpf.h"
#include "follow.bpf.h"
#include "histogram.bpf.h"

#include "sched.bpf.h"

#define ROLE_SLOTS SCHED_SLOTS
#include "counts.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct thread_info {
  __u32 cpu;
};
struct task_struct {
  struct thread_info thread_info;
  int on_cpu;
  int pid;
  int tgid;
};
#pragma clang attribute pop

enum waker { BY_OTHER, BY_OWN, BY_PEER, BY_IDLE };

struct thread {
  __u64 out_ns;       // since when it is off a CPU; 0: it is on one, or that was not seen
  __u64 runnable_ns;  // since when it waits for a CPU; 0: it does not
  __u32 waker_cpu;
  __u8 waker;  // enum waker of the last one that tried
  __u8 woken;  // it waits for a CPU because it was
  __u8 preempted;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct thread);
} threads SEC(".maps");

// The context is part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline void add_time(int role, __u32 sum, __u32 histogram, __u64 time_ns) {
  add(role, sum, time_ns);
  add(role, histogram + histogram_slot(time_ns), 1);
}

// The thread's state, made where there is none yet; without memory the event is lost, and counted.
static __always_inline struct thread* state_of(struct task_struct* task, int role) {
  struct thread* found = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!found) add(role, SCHED_lost, 1);
  return found;
}

static __always_inline void switched_out(struct task_struct* task, _Bool preempted, __u64 now_ns) {
  int role = role_of(task->tgid);
  if (role == NO_ROLE) return;
  add(role, preempted ? SCHED_switches_involuntary : SCHED_switches_voluntary, 1);
  struct thread* thread = state_of(task, role);
  if (!thread) return;
  thread->out_ns = now_ns;
  thread->runnable_ns = preempted ? now_ns : 0;
  thread->preempted = preempted;
}

static __always_inline void count_off(int role, struct thread* thread, __u64 now_ns) {
  if (!thread->out_ns) return;
  if (thread->preempted)
    add_time(role, SCHED_preempted_ns, SCHED_PREEMPTED_HISTOGRAM,
             since_epoch(thread->out_ns, now_ns));
  else if (thread->runnable_ns)
    add_time(role, SCHED_sleeping_ns, SCHED_SLEEPING_HISTOGRAM,
             since_epoch(thread->out_ns, thread->runnable_ns));
}

static __always_inline void switched_in(struct task_struct* task, __u64 now_ns) {
  int role = role_of(task->tgid);
  if (role == NO_ROLE) return;
  struct thread* thread = state_of(task, role);
  if (!thread) return;
  count_off(role, thread, now_ns);
  if (thread->runnable_ns)
    add_time(role, SCHED_run_delay_ns, SCHED_RUN_DELAY_HISTOGRAM, now_ns - thread->runnable_ns);
  if (thread->woken)
    add(role,
        thread->waker_cpu == bpf_get_smp_processor_id() ? SCHED_wakeups_same_cpu
                                                        : SCHED_wakeups_other_cpu,
        1);
  thread->out_ns = 0;
  thread->runnable_ns = 0;
  thread->woken = 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct* prev, struct task_struct* next,
             unsigned int prev_state) {
  __u64 now_ns = bpf_ktime_get_ns();
  switched_out(prev, preempt || prev_state == 0, now_ns);
  switched_in(next, now_ns);
  return 0;
}

// In the waker's context: an interrupt's is whoever it interrupted.
SEC("tp_btf/sched_waking")
int BPF_PROG(on_waking, struct task_struct* task) {
  int role = role_of(task->tgid);
  if (role == NO_ROLE) return 0;
  struct thread* thread = state_of(task, role);
  if (!thread) return 0;
  __u64 waker = bpf_get_current_pid_tgid();
  int waker_role = role_of(waker >> 32);
  thread->waker_cpu = bpf_get_smp_processor_id();
  if ((__u32)waker == 0)
    thread->waker = BY_IDLE;
  else if (waker_role == NO_ROLE)
    thread->waker = BY_OTHER;
  else
    thread->waker = waker_role == role ? BY_OWN : BY_PEER;
  return 0;
}

// On the CPU where the thread has become runnable; a waker elsewhere may have sent it there.
SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct* task) {
  int role = role_of(task->tgid);
  if (role == NO_ROLE || task->on_cpu) return 0;  // of one that runs: it had not slept yet
  struct thread* thread = state_of(task, role);
  if (!thread || thread->runnable_ns) return 0;  // preempted before it slept
  thread->runnable_ns = bpf_ktime_get_ns();
  thread->woken = 1;
  add(role, SCHED_wakeups, 1);
  if (thread->waker == BY_OWN) add(role, SCHED_wakeups_by_own, 1);
  if (thread->waker == BY_PEER) add(role, SCHED_wakeups_by_peer, 1);
  if (thread->waker == BY_IDLE) add(role, SCHED_wakeups_by_idle, 1);
  if (thread->waker == BY_OTHER) add(role, SCHED_wakeups_by_other, 1);
  return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_start, struct task_struct* task) {
  int role = role_of(task->tgid);
  if (role == NO_ROLE) return 0;
  add(role, SCHED_starts, 1);
  struct thread* thread = state_of(task, role);
  if (thread) thread->runnable_ns = bpf_ktime_get_ns();
  return 0;
}

// The kernel's own count (se.nr_migrations) leaves out a move to where the thread is already.
SEC("tp_btf/sched_migrate_task")
int BPF_PROG(on_migrate, struct task_struct* task, int to_cpu) {
  int role = role_of(task->tgid);
  if (role != NO_ROLE && task->thread_info.cpu != (__u32)to_cpu) add(role, SCHED_migrations, 1);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
