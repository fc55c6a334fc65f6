#include <array>

#include "probe/histogram.bpf.h"
#include "probe/role_counter.h"
#include "probe/sched.bpf.h"

#if ZYPHOS_HAVE_LIBBPF
#include "probe/loaded_counter.h"
#include "sched.skel.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

#define ZYPHOS_RANGE(name) SlotRange{#name, SCHED_##name, 1},
constexpr std::array kLayout{
    SCHED_COUNTS(ZYPHOS_RANGE)  //
    SlotRange{"run_delay_histogram", SCHED_RUN_DELAY_HISTOGRAM, HISTOGRAM_SLOTS},
    SlotRange{"sleeping_histogram", SCHED_SLEEPING_HISTOGRAM, HISTOGRAM_SLOTS},
    SlotRange{"preempted_histogram", SCHED_PREEMPTED_HISTOGRAM, HISTOGRAM_SLOTS},
};
#undef ZYPHOS_RANGE

}  // namespace

CounterOrReason load_sched_counter() {
  return LoadedCounter<sched_bpf>::load(
      "sched", kLayout, SCHED_SLOTS,
      {sched_bpf__open, sched_bpf__load, sched_bpf__attach, sched_bpf__destroy});
}

#else

CounterOrReason load_sched_counter() { return std::unexpected(bpf_missing("sched")); }

#endif

}  // namespace zyphos
