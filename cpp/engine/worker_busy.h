// WorkerBusy: which share of its time a process has run or waited for a CPU, from one look to the
// next. Waiting counts: where CPUs are short a busy process would otherwise seem half idle.
//
// Thread safety: none; one owner. Cost of a look: three system calls.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/time.h"

namespace zyphos {

class WorkerBusy {
 public:
  // Of this process since the last look at it; 0 for the first one, for a process that is gone, and
  // where the kernel does not say (/proc/PID/schedstat).
  double share_since(pid_t pid, Time now);

 private:
  pid_t pid_ = 0;
  Time looked_;
  std::int64_t busy_ns_ = 0;
};

}  // namespace zyphos
