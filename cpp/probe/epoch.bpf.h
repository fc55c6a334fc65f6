// Times that began before a window count from its start on: RoleCounter::set_epoch() says where
// that is. Include <linux/bpf.h> and <bpf/bpf_helpers.h> before it.
#pragma once

__u64 epoch_ns = 0;  // written by user space

// The part of a time that lies behind the epoch.
static __always_inline __u64 since_epoch(__u64 from_ns, __u64 to_ns) {
  __u64 start_ns = from_ns > epoch_ns ? from_ns : epoch_ns;
  return to_ns > start_ns ? to_ns - start_ns : 0;
}
