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

#include "tcp_sockets.bpf.h"
#include "tcp_states.bpf.h"

#define FAMILY_IPV6 10

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, TCP_STATES_BYTES);
} events SEC(".maps");

// Changes for which the ring had no room.
__u64 lost = 0;

// The context is part of the program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

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
  if (BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP) return 0;
  int role = role_of_socket(sk);
  if (role == NO_ROLE) return 0;
  struct tcp_state_change* change = bpf_ringbuf_reserve(&events, sizeof *change, 0);
  if (!change) {
    __sync_fetch_and_add(&lost, 1);
    return 0;
  }
  __builtin_memset(change, 0, sizeof *change);
  change->time_ns = bpf_ktime_get_ns();
  change->cookie = bpf_get_socket_cookie(sk);
  change->role = (unsigned)role;
  change->from = (unsigned short)from;
  change->to = (unsigned short)to;
  change->local_port = local_port_of(sk);
  change->remote_port = remote_port_of(sk);
  change->family = BPF_CORE_READ(sk, __sk_common.skc_family);
  read_addresses(change, &sk->__sk_common);
  bpf_ringbuf_submit(change, BPF_RB_NO_WAKEUP);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
