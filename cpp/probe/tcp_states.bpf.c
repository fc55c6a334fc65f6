// Every change of state of the TCP sockets on the server's port, in the run's network namespaces,
// one by one: when, which socket, from which state into which. For captures, which match them to
// packets; tcp_events counts them.
//
// Knows no packets. Costs nothing but where a socket changes its state. A socket that connects has
// no port of its own yet when it enters SYN_SENT, and TIME_WAIT is kept without a socket: its end
// here is CLOSE.
//
// Thread safety: the ring orders its writers. Source: tracepoint inet_sock_set_state
// (include/trace/events/sock.h).
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcp_states.bpf.h"

#define PROTOCOL_TCP 6
#define FAMILY_IPV6 10

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
  __u32 inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
struct in6_addr {
  __u8 bytes[16];
};
struct sock_common {
  __be32 skc_daddr;
  __be32 skc_rcv_saddr;
  __be16 skc_dport;
  unsigned short skc_family;
  possible_net_t skc_net;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
};
struct inet_sock {
  __be16 inet_sport;
};
#pragma clang attribute pop

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, TCP_STATES_BYTES);
} events SEC(".maps");

// Written by user space.
__u32 port = 0;  // 0: nothing is watched
__u32 namespaces[TCP_STATES_NAMESPACES] = {0};
// Changes for which the ring had no room.
__u64 lost = 0;

// The context is part of the program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline int is_watched(__u32 inum) {
  for (int at = 0; at < TCP_STATES_NAMESPACES; ++at)
    if (namespaces[at] == inum) return inum != 0;
  return 0;
}

static __always_inline void read_addresses(struct tcp_state_change* change,
                                           const struct sock_common* socket) {
  if (change->family == FAMILY_IPV6 && bpf_core_field_exists(socket->skc_v6_daddr)) {
    bpf_probe_read_kernel(&change->local, sizeof change->local,
                          __builtin_preserve_access_index(&socket->skc_v6_rcv_saddr));
    bpf_probe_read_kernel(&change->remote, sizeof change->remote,
                          __builtin_preserve_access_index(&socket->skc_v6_daddr));
    return;
  }
  change->local.first = BPF_CORE_READ(socket, skc_rcv_saddr);
  change->remote.first = BPF_CORE_READ(socket, skc_daddr);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_change, struct sock* sk, int from, int to) {
  if (port == 0 || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP) return 0;
  __u16 local = bpf_ntohs(BPF_CORE_READ((const struct inet_sock*)sk, inet_sport));
  __u16 remote = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  if (local != port && remote != port) return 0;
  if (!is_watched(BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum))) return 0;
  struct tcp_state_change* change = bpf_ringbuf_reserve(&events, sizeof *change, 0);
  if (!change) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  __builtin_memset(change, 0, sizeof *change);
  change->time_ns = bpf_ktime_get_ns();
  change->cookie = bpf_get_socket_cookie(sk);
  change->role = local != port;
  change->from = (unsigned short)from;
  change->to = (unsigned short)to;
  change->local_port = local;
  change->remote_port = remote;
  change->family = BPF_CORE_READ(sk, __sk_common.skc_family);
  read_addresses(change, &sk->__sk_common);
  bpf_ringbuf_submit(change, BPF_RB_NO_WAKEUP);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
