// The numbers that tcp_events.bpf.c keeps for a role, in order, and its samples. Plain C, for it
// and for its reader; needs histogram.bpf.h before it.
#pragma once

#define TCP_STATES 13         // include/net/tcp_states.h, from 1 on
#define TCP_DROP_REASONS 192  // the last one takes all that is beyond
#define TCP_RESET_REASONS 64
#define TCP_SAMPLE_BYTES (1 << 22)  // some 60,000 samples
#define TCP_SAMPLED_SOCKETS 2       // of each role

// Each X(name) is one number of a role; times are in ns.
#define TCP_COUNTS(X)   \
  X(retransmits)        \
  X(syn_retransmits)    \
  X(synack_retransmits) \
  X(segs_in) X(zero_windows) X(zero_window_ns) X(resets_in) X(samples_lost) X(lost)

enum {
#define TCP_SLOT(name) TCP_##name,
  TCP_COUNTS(TCP_SLOT)
#undef TCP_SLOT
      TCP_TRANSITIONS,  // [from][to]
  TCP_STATE_NS = TCP_TRANSITIONS + TCP_STATES * TCP_STATES,
  TCP_RESETS_OUT = TCP_STATE_NS + TCP_STATES,
  TCP_DROPS = TCP_RESETS_OUT + TCP_RESET_REASONS,
  TCP_CONNECT_HISTOGRAM = TCP_DROPS + TCP_DROP_REASONS,
  TCP_SRTT_HISTOGRAM = TCP_CONNECT_HISTOGRAM + HISTOGRAM_SLOTS,
  TCP_SILENCE_HISTOGRAM = TCP_SRTT_HISTOGRAM + HISTOGRAM_SLOTS,
  TCP_SLOTS = TCP_SILENCE_HISTOGRAM + HISTOGRAM_SLOTS
};

// One connection at one moment, as the kernel has it when a segment comes in.
struct tcp_sample {
  unsigned long long time_ns;
  unsigned long long cookie;
  unsigned long long bytes_acked;
  unsigned int role;
  unsigned int cwnd;
  unsigned int ssthresh;
  unsigned int srtt_us8;  // eighths of a microsecond
  unsigned int snd_wnd;
  unsigned int packets_out;
  unsigned int retransmits;
  unsigned int padding;
};
