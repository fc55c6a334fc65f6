// The numbers that uring.bpf.c keeps for a role, in order. Plain C, for it and for its reader.
#pragma once

// Each X(name) is one number of a role.
// clang-format off
#define URING_COUNTS(X) \
  X(submissions) X(refused) X(completions) X(overflows) \
  X(waits) X(async_punts) X(poll_arms) X(local_works)
// clang-format on

#define URING_OPCODES 128  // the last for every one beyond

enum {
#define URING_SLOT(name) URING_SLOT_##name,
  URING_COUNTS(URING_SLOT)
#undef URING_SLOT
      URING_OPCODE,
  URING_SLOTS = URING_OPCODE + URING_OPCODES
};
