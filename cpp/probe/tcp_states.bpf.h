// What tcp_states.bpf.c tells of a socket that changes its state. Plain C, for it and its reader.
#pragma once

#define TCP_STATES_BYTES (1 << 20)  // of the ring: some 11,000 changes

// As the kernel has an address: of IPv4 the first four bytes, of IPv6 all, in network order.
struct tcp_address {
  unsigned long long first;
  unsigned long long second;
};

// One change of one socket.
struct tcp_state_change {
  unsigned long long time_ns;  // CLOCK_MONOTONIC
  unsigned long long cookie;
  struct tcp_address local;
  struct tcp_address remote;
  unsigned int role;        // 0 server, 1 client
  unsigned short from, to;  // include/net/tcp_states.h
  unsigned short local_port, remote_port;
  unsigned short family;
  unsigned short padding;
};
