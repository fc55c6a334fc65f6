// Counts how often a USDT point is passed, and adds up its argument: for the test and the bench of
// our points (usdt_test.cpp, usdt_bench.cpp), which attach it to their own.
//
// Thread safety: adds are atomic. Source: bpf/usdt.bpf.h of libbpf.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <bpf/usdt.bpf.h>

__u64 fired = 0;
__u64 argument_sum = 0;

// The context is part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

SEC("usdt")
int on_point(struct pt_regs* ctx) {
  __sync_fetch_and_add(&fired, 1);
  return 0;
}

SEC("usdt")
int BPF_USDT(on_argument, __u64 argument) {
  __sync_fetch_and_add(&fired, 1);
  __sync_fetch_and_add(&argument_sum, argument);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
