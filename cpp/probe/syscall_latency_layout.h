// How syscall_latency.bpf.c lays out what user space reads: one text for both compilers, hence C.
//
// A histogram is LAYOUT_SLOTS numbers: the sum in ns, then the buckets. Below LAYOUT_STEPS ns a
// bucket is one nanosecond; above, each power of two is cut into LAYOUT_STEPS, so that a bucket is
// at most a sixteenth of its values wide. What took longer than 2^37 ns (137 s) is in the last one.
// NOLINTBEGIN(modernize-macro-to-enum,cppcoreguidelines-macro-usage)
#pragma once

#define LAYOUT_NUMBERS 512u  // system calls; the last stands for every number out of range
#define LAYOUT_USED 512u     // after the rows of all numbers: how many rows are taken
#define LAYOUT_LOST 513u     // calls that the kernel had no memory for
#define LAYOUT_ROW_SLOTS 514u

#define LAYOUT_ROWS 64u  // histograms of a CPU and role; the first for all calls beyond the others
#define LAYOUT_STEP_BITS 4u
#define LAYOUT_STEPS 16u
#define LAYOUT_OCTAVE_LAST 36u
#define LAYOUT_BUCKETS ((LAYOUT_OCTAVE_LAST - LAYOUT_STEP_BITS + 2u) * LAYOUT_STEPS)
#define LAYOUT_SLOTS (1u + LAYOUT_BUCKETS)
// NOLINTEND(modernize-macro-to-enum,cppcoreguidelines-macro-usage)
