#include <array>

#include "probe/role_counter.h"
#include "probe/uring.bpf.h"

#if ZYPHOS_HAVE_LIBBPF
#include <bpf/btf.h>

#include "probe/loaded_counter.h"
#include "uring.skel.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

#define ZYPHOS_RANGE(name) SlotRange{#name, URING_SLOT_##name, 1},
constexpr std::array kLayout{
    URING_COUNTS(ZYPHOS_RANGE)  //
    SlotRange{"opcodes", URING_OPCODE, URING_OPCODES},
};
#undef ZYPHOS_RANGE

// The first that this kernel lacks; empty where it has them all.
std::string tracepoint_missing() {
  const std::unique_ptr<btf, void (*)(btf*)> kernel(btf__load_vmlinux_btf(), btf__free);
  if (!kernel) return {};
  for (const std::string name :
       {"io_uring_submit_req", "io_uring_req_failed", "io_uring_complete", "io_uring_cqe_overflow",
        "io_uring_cqring_wait", "io_uring_queue_async_work", "io_uring_poll_arm",
        "io_uring_local_work_run"})
    if (btf__find_by_name_kind(kernel.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) <= 0)
      return name;
  return {};
}

}  // namespace

CounterOrReason load_uring_counter() {
  auto loaded = LoadedCounter<uring_bpf>::load(
      "uring", kLayout, URING_SLOTS,
      {uring_bpf__open, uring_bpf__load, uring_bpf__attach, uring_bpf__destroy});
  if (loaded) return std::move(*loaded);
  const std::string missing = tracepoint_missing();
  if (missing.empty()) return std::unexpected(std::move(loaded.error()));
  return std::unexpected("uring: the kernel has no tracepoint " + missing +
                         "; it has to be newer, and built with CONFIG_IO_URING");
}

#else

CounterOrReason load_uring_counter() { return std::unexpected(bpf_missing("uring")); }

#endif

}  // namespace zyphos
