// The numbers of each role that a program keeps and a RoleCounter reads (role_counter.h): the map
// `counts` and adding to it. Define ROLE_SLOTS, how many numbers a role has, before it.
//
// Thread safety: the slot is the CPU's own. `add` is plain: for programs that none interrupts which
// adds to the same numbers. `add_shared` is atomic, for those that may be.
#pragma once

#include "probe/roles.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, ROLES* ROLE_SLOTS);  // times the number of CPUs, set before loading
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

// A number of this CPU; 0 never, but the verifier wants it looked at.
static __always_inline __u64* number_of(int role, __u32 slot) {
  __u32 index = first_slot(role, ROLE_SLOTS) + slot;
  return bpf_map_lookup_elem(&counts, &index);
}

static __always_inline void add(int role, __u32 slot, __u64 amount) {
  __u64* number = number_of(role, slot);
  if (number) *number += amount;
}

static __always_inline void add_shared(int role, __u32 slot, __u64 amount) {
  __u64* number = number_of(role, slot);
  if (number) __sync_fetch_and_add(number, amount);
}
