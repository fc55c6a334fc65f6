// Counts how often a USDT point is passed, and adds up its argument: for the test and the bench of
// our points (usdt_test.cpp, usdt_bench.cpp), which attach it to their own. `on_point_empty` does
// neither: what is left is the kernel's.
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

// A word of the context, whose place stands in the instruction: the verifier takes no other, and
// the compiler would make all of these one.
#define WORD(at) \
  case at: asm volatile("%0 = *(u64*)(%1 + %2)" : "=r"(value) : "r"(ctx), "i"(8 * (at))); break
#define FOUR_WORDS(at) \
  WORD(at);            \
  WORD(at + 1);        \
  WORD(at + 2);        \
  WORD(at + 3)

#define ELSEWHERE (~0UL)

// What libbpf has found out about the point's first argument; null where it has none.
static __always_inline const struct __bpf_usdt_arg_spec* first_spec(struct pt_regs* ctx) {
  int point = __bpf_usdt_spec_id(ctx);
  const struct __bpf_usdt_spec* spec = bpf_map_lookup_elem(&__bpf_usdt_specs, &point);
  return spec && spec->arg_cnt > 0 ? &spec->args[0] : 0;
}

// The first argument. One in a register is read at once, where bpf_usdt_arg has it copied out of
// the context by a helper; what lies elsewhere is left to that.
static __always_inline __u64 first_argument(struct pt_regs* ctx) {
  const struct __bpf_usdt_arg_spec* spec = first_spec(ctx);
  __u64 value = 0;
  if (!spec) return 0;
  switch (spec->arg_type == BPF_USDT_ARG_REG ? (__u16)spec->reg_off / sizeof value : ELSEWHERE) {
    FOUR_WORDS(0);
    FOUR_WORDS(4);
    FOUR_WORDS(8);
    FOUR_WORDS(12);
    default: bpf_usdt_arg(ctx, 0, (long*)&value); return value;
  }
  value <<= spec->arg_bitshift;
  return spec->arg_signed ? (__u64)((long)value >> spec->arg_bitshift)
                          : value >> spec->arg_bitshift;
}

SEC("usdt")
int on_point_empty(struct pt_regs* ctx) { return 0; }

SEC("usdt")
int on_point(struct pt_regs* ctx) {
  __sync_fetch_and_add(&fired, 1);
  return 0;
}

SEC("usdt")
int on_argument(struct pt_regs* ctx) {
  __sync_fetch_and_add(&fired, 1);
  __sync_fetch_and_add(&argument_sum, first_argument(ctx));
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
