#include <array>

#include "probe/histogram.bpf.h"
#include "probe/role_counter.h"

#include "probe/futex.bpf.h"

#if ZYPHOS_HAVE_LIBBPF
#include "futex.skel.h"
#include "probe/loaded_counter.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

#define ZYPHOS_RANGE(name) SlotRange{#name, FUTEX_SLOT_##name, 1},
constexpr std::array kLayout{
    FUTEX_COUNTS(ZYPHOS_RANGE)  //
    SlotRange{"wait_histogram", FUTEX_WAIT_HISTOGRAM, HISTOGRAM_SLOTS},
};
#undef ZYPHOS_RANGE

}  // namespace

CounterOrReason load_futex_counter() {
  return LoadedCounter<futex_bpf>::load(
      "futex", kLayout, FUTEX_SLOTS,
      {futex_bpf__open, futex_bpf__load, futex_bpf__attach, futex_bpf__destroy});
}

#else

CounterOrReason load_futex_counter() { return std::unexpected(bpf_missing("futex")); }

#endif

}  // namespace zyphos
