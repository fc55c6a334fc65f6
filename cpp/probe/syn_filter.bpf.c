// The filter against a SYN flood: of TCP segments that only open a connection, those whose source
// is outside the allowed network are dropped before the kernel makes anything of them (XDP). All
// else passes. Knows no IPv6 and no VLANs, which a run's network does not have.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PROTOCOL_TCP 6

// Written by user space before loading; host byte order.
const volatile __u32 allowed_network = 0;
const volatile __u32 allowed_mask = 0;
// Read by user space.
__u64 dropped = 0;

SEC("xdp")
int on_packet(struct xdp_md* context) {
  void* end = (void*)(long)context->data_end;
  struct ethhdr* ethernet = (void*)(long)context->data;
  struct iphdr* ip = (void*)(ethernet + 1);
  if ((void*)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if (ip->protocol != PROTOCOL_TCP || ip->ihl != 5) return XDP_PASS;
  struct tcphdr* tcp = (void*)(ip + 1);
  if ((void*)(tcp + 1) > end || !tcp->syn || tcp->ack) return XDP_PASS;
  if ((bpf_ntohl(ip->saddr) & allowed_mask) == allowed_network) return XDP_PASS;
  __sync_fetch_and_add(&dropped, 1);
  return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
