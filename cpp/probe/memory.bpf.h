// The numbers that memory.bpf.c keeps for a role, in order. Plain C, for it and for its reader.
#pragma once

// Each X(name) is one number of a role.
#define MEMORY_COUNTS(X) \
  X(mallocs) X(callocs) X(reallocs) X(aligned_allocs) X(frees) X(allocated_bytes) X(forks)

enum {
#define MEMORY_SLOT(name) MEMORY_SLOT_##name,
  MEMORY_COUNTS(MEMORY_SLOT)
#undef MEMORY_SLOT
      MEMORY_SLOTS
};
