// The two sides that BPF programs count for, and where a CPU's numbers of one begin. Knows neither
// what is counted nor how a side is told. Include <linux/bpf.h> and <bpf/bpf_helpers.h> before it.
#pragma once

#define ROLES 2  // 0 server, 1 client
#define NO_ROLE (-1)

// Where this CPU's numbers of a role begin in a mapped array [cpu][role][per_role] (PerCpuSlots).
static __always_inline __u32 first_slot(int role, __u32 per_role) {
  return (bpf_get_smp_processor_id() * ROLES + (__u32)role) * per_role;
}
