// Sends the UDP datagrams to one address and port, IPv4, to the AF_XDP socket of the queue that
// they came in by. All else passes, and so do IP options and fragments, and whatever comes in by a
// queue without a socket. Knows no VLANs, which a run's network does not have.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define QUEUES 64
#define FRAGMENT 0x3FFF  // "more fragments", or an offset

// Written by user space before loading; network byte order.
const volatile __u32 address = 0;
const volatile __u16 port = 0;

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int on_frame(struct xdp_md* context) {
  void* end = (void*)(long)context->data_end;
  struct ethhdr* ethernet = (void*)(long)context->data;
  struct iphdr* ip = (void*)(ethernet + 1);
  struct udphdr* udp = (void*)(ip + 1);
  if ((void*)(udp + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
  if ((ip->frag_off & bpf_htons(FRAGMENT)) || ip->daddr != address) return XDP_PASS;
  if (udp->dest != port) return XDP_PASS;
  return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
