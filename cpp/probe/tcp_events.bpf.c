// What the kernel's TCP does on the server's port, in the run's network namespaces: state
// transitions with the time in each state, retransmissions, zero windows, resets, dropped packets
// by reason, and samples of congestion window and round-trip time.
//
// A packet counts for the side that it was on the way to; whose a socket is, tcp_sockets.bpf.h
// says. Knows no names (the reasons' are in the kernel's BTF) and no windows: user space maps
// `counts` and `samples`.
//
// Thread safety: adds are atomic, because a program in a process's context may be interrupted by
// one in a softirq. A socket's own state is written under its lock. Source: tracepoints
// inet_sock_set_state, tcp_retransmit_skb, tcp_retransmit_synack, tcp_probe, tcp_send_reset,
// tcp_receive_reset, kfree_skb (include/trace/events/{sock,tcp,skb}.h).
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "epoch.bpf.h"
#include "histogram.bpf.h"
#include "tcp_sockets.bpf.h"

#include "tcp_events.bpf.h"

#define ROLE_SLOTS TCP_SLOTS
#include "counts.bpf.h"

#define ESTABLISHED 1
#define SYN_SENT 2
#define SYN_RECV 3
#define CLOSE 7
#define ETHERTYPE_IPV6 0x86DD

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct tcp_sock {
  __u32 snd_cwnd;
  __u32 snd_ssthresh;
  __u32 srtt_us;
  __u32 snd_wnd;
  __u32 packets_out;
  __u32 total_retrans;
  __u64 bytes_acked;
};
struct net_device {
  possible_net_t nd_net;
};
struct sk_buff {
  struct net_device* dev;
  struct sock* sk;
  __be16 protocol;
  __u16 transport_header;
  __u16 network_header;
  unsigned char* head;
};
#pragma clang attribute pop

struct connection {
  __u64 since_ns;       // when it came into its state
  __u64 zero_since_ns;  // since when the peer takes nothing; 0: it does
  __u64 sampled_ns;     // when it was last sampled
  __u64 received_ns;    // when its last segment came; 0: none since it is established
  __u8 sampled;         // 0: not asked yet, 1: yes, 2: others are
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connection);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, TCP_SAMPLE_BYTES);
} samples SEC(".maps");

// Written by user space.
__u64 sample_interval_ns = 0;
// How many there are; user space sets it back.
__u32 sockets_sampled[ROLES] = {0};

// The context and some arguments are part of every program and not used.
#pragma clang diagnostic ignored "-Wunused-parameter"

static __always_inline __u32 clamped(__u32 value, __u32 count) {
  return value < count ? value : count - 1;
}

static __always_inline void left_state(int role, struct connection* found, __u32 from, __u32 to) {
  __u64 now_ns = bpf_ktime_get_ns();
  if (found->since_ns) {
    add_shared(role, TCP_STATE_NS + from, since_epoch(found->since_ns, now_ns));
    if (to == ESTABLISHED && (from == SYN_SENT || from == SYN_RECV))
      add_shared(role, TCP_CONNECT_HISTOGRAM + histogram_slot(now_ns - found->since_ns), 1);
  }
  __u64 heard_ns = found->received_ns ? found->received_ns : found->since_ns;
  if (from == ESTABLISHED && to == CLOSE && heard_ns)
    add_shared(role, TCP_SILENCE_HISTOGRAM + histogram_slot(now_ns - heard_ns), 1);
  found->since_ns = now_ns;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock* sk, int from, int to) {
  // close() after shutdown() sets the state anew that the socket is in already (tcp_close_state).
  if (from == to || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP) return 0;
  int role = role_of_socket(sk);
  if (role == NO_ROLE) return 0;
  __u32 old = clamped((__u32)from, TCP_STATES), new = clamped((__u32)to, TCP_STATES);
  add_shared(role, TCP_TRANSITIONS + old * TCP_STATES + new, 1);
  struct connection* found = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (found)
    left_state(role, found, old, new);
  else
    add_shared(role, TCP_lost, 1);
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, struct sock* sk, struct sk_buff* skb) {
  int role = role_of_socket(sk);
  if (role == NO_ROLE) return 0;
  add_shared(role, TCP_retransmits, 1);
  if (BPF_CORE_READ(sk, __sk_common.skc_state) == SYN_SENT)
    add_shared(role, TCP_syn_retransmits, 1);
  return 0;
}

// The socket is the listener.
SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack, struct sock* sk) {
  int role = role_of_socket(sk);
  if (role != NO_ROLE) add_shared(role, TCP_synack_retransmits, 1);
  return 0;
}

// Whether this socket is one of the few that are sampled: the first of its role to receive.
static __always_inline int is_sampled(int role, struct connection* found) {
  if (found->sampled == 0) {
    found->sampled = sockets_sampled[role & 1] < TCP_SAMPLED_SOCKETS ? 1 : 2;
    sockets_sampled[role & 1] += 1;
  }
  return found->sampled == 1;
}

static __always_inline void take_sample(int role, struct sock* sk, struct connection* found,
                                        __u64 now_ns) {
  if (now_ns - found->sampled_ns < sample_interval_ns || !is_sampled(role, found)) return;
  found->sampled_ns = now_ns;
  struct tcp_sample* sample = bpf_ringbuf_reserve(&samples, sizeof *sample, 0);
  if (!sample) {
    add_shared(role, TCP_samples_lost, 1);
    return;
  }
  const struct tcp_sock* tcp = (const struct tcp_sock*)sk;
  sample->cookie = bpf_get_socket_cookie(sk);
  sample->bytes_acked = BPF_CORE_READ(tcp, bytes_acked);
  sample->role = (__u32)role;
  sample->cwnd = BPF_CORE_READ(tcp, snd_cwnd);
  sample->ssthresh = BPF_CORE_READ(tcp, snd_ssthresh);
  sample->srtt_us8 = BPF_CORE_READ(tcp, srtt_us);
  sample->snd_wnd = BPF_CORE_READ(tcp, snd_wnd);
  sample->packets_out = BPF_CORE_READ(tcp, packets_out);
  sample->retransmits = BPF_CORE_READ(tcp, total_retrans);
  sample->padding = 0;
  sample->time_ns = now_ns;
  bpf_ringbuf_submit(sample, BPF_RB_NO_WAKEUP);
}

// Bytes 14 and 15 of the header of the segment that has come in (RFC 9293, 3.1).
static __always_inline __u16 window_of(const struct sk_buff* skb) {
  __u16 window = 1;
  const unsigned char* header = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header);
  bpf_probe_read_kernel(&window, sizeof window, header + 14);
  return window;
}

static __always_inline void see_window(int role, struct connection* found, __u16 window,
                                       __u64 now_ns) {
  if (window == 0 && !found->zero_since_ns) {
    found->zero_since_ns = now_ns;
    add_shared(role, TCP_zero_windows, 1);
  } else if (window != 0 && found->zero_since_ns) {
    add_shared(role, TCP_zero_window_ns, since_epoch(found->zero_since_ns, now_ns));
    found->zero_since_ns = 0;
  }
}

// A segment has come in on an established connection.
SEC("tp_btf/tcp_probe")
int BPF_PROG(on_segment, struct sock* sk, struct sk_buff* skb) {
  int role = role_of_socket(sk);
  if (role == NO_ROLE) return 0;
  __u64 now_ns = bpf_ktime_get_ns();
  add_shared(role, TCP_segs_in, 1);
  __u32 srtt_us8 = BPF_CORE_READ((const struct tcp_sock*)sk, srtt_us);
  if (srtt_us8) add_shared(role, TCP_SRTT_HISTOGRAM + histogram_slot((__u64)srtt_us8 * 125), 1);
  struct connection* found = bpf_sk_storage_get(&connections, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!found) {
    add_shared(role, TCP_lost, 1);
    return 0;
  }
  found->received_ns = now_ns;
  see_window(role, found, window_of(skb), now_ns);
  take_sample(role, sk, found, now_ns);
  return 0;
}

struct ports {
  __be16 source, destination;
};

// The role that this packet was on the way to; NO_ROLE for one that is not the run's. Fragments
// behind the first, and IPv6 with extension headers, are not recognised.
static __always_inline int role_of_packet(const struct sk_buff* skb) {
  __u32 inum = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
  if (!is_watched(inum) && !is_watched(BPF_CORE_READ(skb, sk, __sk_common.skc_net.net, ns.inum)))
    return NO_ROLE;
  const unsigned char* network = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
  __u16 ethertype = bpf_ntohs(BPF_CORE_READ(skb, protocol));
  unsigned char first = 0, protocol = 0;
  bpf_probe_read_kernel(&first, 1, network);
  bpf_probe_read_kernel(&protocol, 1, network + (ethertype == ETHERTYPE_IPV6 ? 6 : 9));
  if (protocol != PROTOCOL_TCP) return NO_ROLE;
  struct ports ports = {0, 0};
  __u32 length = ethertype == ETHERTYPE_IPV6 ? 40 : (first & 15) * 4;
  bpf_probe_read_kernel(&ports, sizeof ports, network + length);
  return role_of_ports(bpf_ntohs(ports.destination), bpf_ntohs(ports.source));
}

// Without a socket, or with one that only borrows the answer, the packet that is answered tells: it
// was on the way to the side that now resets.
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_reset_out, struct sock* sk, struct sk_buff* skb, int reason) {
  int role = NO_ROLE;
  if (sk) role = role_of_socket(sk);
  if (role == NO_ROLE && skb) role = role_of_packet(skb);
  if (role == NO_ROLE) return 0;
  add_shared(role, TCP_RESETS_OUT + clamped((__u32)reason, TCP_RESET_REASONS), 1);
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_in, struct sock* sk) {
  int role = role_of_socket(sk);
  if (role != NO_ROLE) add_shared(role, TCP_resets_in, 1);
  return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_drop, struct sk_buff* skb, void* location, int reason) {
  if (port == 0) return 0;
  int role = role_of_packet(skb);
  if (role != NO_ROLE) add_shared(role, TCP_DROPS + clamped((__u32)reason, TCP_DROP_REASONS), 1);
  return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
