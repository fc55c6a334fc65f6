// Whose TCP sockets these are: what the programs that look at one server's connections share. Which
// port and which network namespaces they look at, user space says (tcp_watch.h). A socket whose
// local port is the server's is the server's, one whose remote port is it the client's.
//
// Knows nothing of what a program counts. Include <linux/bpf.h>, <bpf/bpf_core_read.h>,
// <bpf/bpf_endian.h>, <bpf/bpf_helpers.h> and <bpf/bpf_tracing.h> before it. Source: struct
// sock_common and inet_sock (include/net/{sock,inet_sock}.h).
#pragma once

#include "probe/roles.bpf.h"

#define PROTOCOL_TCP 6
#define TCP_NAMESPACES 8

// Only fields that are used: CO-RE finds their offsets in the running kernel.
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
  volatile unsigned char skc_state;
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

// Written by user space.
__u32 port = 0;  // 0: nothing is watched
__u32 namespaces[TCP_NAMESPACES] = {0};

static __always_inline int is_watched(__u32 inum) {
  for (int at = 0; at < TCP_NAMESPACES; ++at)
    if (namespaces[at] == inum) return inum != 0;
  return 0;
}

static __always_inline __u16 local_port_of(const struct sock* sk) {
  return bpf_ntohs(BPF_CORE_READ((const struct inet_sock*)sk, inet_sport));
}

static __always_inline __u16 remote_port_of(const struct sock* sk) {
  return bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

static __always_inline int role_of_ports(__u16 local, __u16 remote) {
  if (port == 0) return NO_ROLE;
  if (local == port) return 0;
  return remote == port ? 1 : NO_ROLE;
}

static __always_inline int role_of_socket(const struct sock* sk) {
  int role = role_of_ports(local_port_of(sk), remote_port_of(sk));
  if (role == NO_ROLE || !is_watched(BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum)))
    return NO_ROLE;
  return role;
}
