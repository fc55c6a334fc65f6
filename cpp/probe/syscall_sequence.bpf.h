// What syscall_sequence.bpf.c tells of a system call that returned. Plain C, for it and its reader.
#pragma once

#define SYSCALL_SEQUENCE_BYTES (1 << 22)  // of the ring: some 50,000 calls

struct syscall_done {
  unsigned long long begin_ns;  // CLOCK_MONOTONIC
  unsigned long long end_ns;
  long long result;                                 // negative: an errno
  unsigned long long first, second, third, fourth;  // arguments, as they were
  unsigned int process, thread;
  unsigned int number;
  unsigned int role;  // 0 server, 1 client
};
