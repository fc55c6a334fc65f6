// What followed processes do with io_uring: requests submitted, by opcode, completions, waits.
//
// Whose it is says the thread that runs then: the one that submits or reaps, or one that the kernel
// made for the ring (worker, SQPOLL), which is in the same process. Knows neither names nor
// windows: user space maps `counts` and subtracts.
//
// Thread safety: none of these tracepoints stands in an interrupt, and the programs run with
// preemption off, hence plain adds to the CPU's own numbers. Source: tracepoints io_uring_*
// (include/trace/events/io_uring.h in Linux).
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "follow.bpf.h"
#include "uring.bpf.h"

#define ROLE_SLOTS URING_SLOTS
#include "counts.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct io_kiocb {
  __u8 opcode;
};
#pragma clang attribute pop

// The context is part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline int count(__u32 slot) {
  int role = role_of_current();
  if (role != NO_ROLE) add(role, slot, 1);
  return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_submit, struct io_kiocb* request) {
  int role = role_of_current();
  if (role == NO_ROLE) return 0;
  __u32 opcode = request->opcode;
  add(role, URING_SLOT_submissions, 1);
  add(role, URING_OPCODE + (opcode < URING_OPCODES ? opcode : URING_OPCODES - 1), 1);
  return 0;
}

SEC("tp_btf/io_uring_req_failed")
int BPF_PROG(on_refused) { return count(URING_SLOT_refused); }

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_complete) { return count(URING_SLOT_completions); }

SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(on_overflow) { return count(URING_SLOT_overflows); }

SEC("tp_btf/io_uring_cqring_wait")
int BPF_PROG(on_wait) { return count(URING_SLOT_waits); }

SEC("tp_btf/io_uring_queue_async_work")
int BPF_PROG(on_async_work) { return count(URING_SLOT_async_punts); }

SEC("tp_btf/io_uring_poll_arm")
int BPF_PROG(on_poll_arm) { return count(URING_SLOT_poll_arms); }

SEC("tp_btf/io_uring_local_work_run")
int BPF_PROG(on_local_work) { return count(URING_SLOT_local_works); }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
