#include "probe/syn_filter.h"

#include <net/if.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "probe/bpf_loading.h"

#if ZYPHOS_HAVE_LIBBPF
#include "syn_filter.skel.h"
#endif

namespace zyphos {

using Attached = std::expected<std::unique_ptr<SynFilter>, std::string>;

#if ZYPHOS_HAVE_LIBBPF

namespace {

constexpr std::uint32_t kAllowed = 0xC6120000;  // 198.18.0.0/16: a run's own hosts
constexpr std::uint32_t kAllowedMask = 0xFFFF0000;

using Skeleton = std::unique_ptr<syn_filter_bpf, void (*)(syn_filter_bpf*)>;

class Loaded final : public SynFilter {
 public:
  explicit Loaded(Skeleton skeleton) : skeleton_(std::move(skeleton)) {}
  std::uint64_t dropped() const override {
    return __atomic_load_n(&skeleton_->bss->dropped, __ATOMIC_RELAXED);
  }

 private:
  Skeleton skeleton_;
};

Attached refused(const std::string& doing) {
  return std::unexpected("syn_filter: cannot " + doing + ": " +
                         std::generic_category().message(errno) +
                         " (needs CAP_BPF and CAP_NET_ADMIN: run it as root)");
}

}  // namespace

Attached SynFilter::attach(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return refused("find the interface " + interface);
  Skeleton skeleton(syn_filter_bpf__open(), syn_filter_bpf__destroy);
  if (!skeleton) return refused("open the program");
  skeleton->rodata->allowed_network = kAllowed;
  skeleton->rodata->allowed_mask = kAllowedMask;
  if (syn_filter_bpf__load(skeleton.get()) != 0) return refused("load the program");
  skeleton->links.on_packet =
      bpf_program__attach_xdp(skeleton->progs.on_packet, static_cast<int>(index));
  if (!skeleton->links.on_packet) return refused("attach to " + interface);
  return std::make_unique<Loaded>(std::move(skeleton));
}

#else

Attached SynFilter::attach(const std::string&) {
  return std::unexpected(bpf_missing("syn_filter"));
}

#endif

}  // namespace zyphos
