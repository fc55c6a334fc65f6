#include "probe/tcp_events.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#if ZYPHOS_HAVE_LIBBPF
#include <bpf/btf.h>

#include "probe/loaded_counter.h"
#include "probe/tcp_watch.h"
#include "tcp_events.skel.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

constexpr const char* kProbe = "tcp_events";

#define ZYPHOS_RANGE(name) SlotRange{#name, TCP_##name, 1},
constexpr std::array kLayout{
    TCP_COUNTS(ZYPHOS_RANGE)  //
    SlotRange{"transitions", TCP_TRANSITIONS, TCP_STATES* TCP_STATES},
    SlotRange{"state_ns", TCP_STATE_NS, TCP_STATES},
    SlotRange{"resets_out", TCP_RESETS_OUT, TCP_RESET_REASONS},
    SlotRange{"drops", TCP_DROPS, TCP_DROP_REASONS},
    SlotRange{"connect_histogram", TCP_CONNECT_HISTOGRAM, HISTOGRAM_SLOTS},
    SlotRange{"srtt_histogram", TCP_SRTT_HISTOGRAM, HISTOGRAM_SLOTS},
    SlotRange{"silence_histogram", TCP_SILENCE_HISTOGRAM, HISTOGRAM_SLOTS},
};
#undef ZYPHOS_RANGE

using Loaded = LoadedCounter<tcp_events_bpf>;

class LoadedTcpEvents final : public TcpEvents {
 public:
  LoadedTcpEvents(std::unique_ptr<Loaded> counter, ring_buffer* ring,
                  std::unique_ptr<std::vector<tcp_sample>> samples)
      : counter_(std::move(counter)), ring_(ring), samples_(std::move(samples)) {}
  ~LoadedTcpEvents() override { ring_buffer__free(ring_); }

  void watch(std::uint16_t port, std::span<const std::uint32_t> namespaces,
             std::int64_t sample_interval_ns) override {
    auto& shared = *counter_->skeleton().bss;
    watch_namespaces(shared, namespaces);
    std::ranges::fill(shared.sockets_sampled, 0U);
    shared.sample_interval_ns = static_cast<std::uint64_t>(sample_interval_ns);
    static_cast<void>(take_samples());
    watch_port(shared, port);
  }

  RoleCounter& counter() override { return *counter_; }

  std::vector<tcp_sample> take_samples() override {
    ring_buffer__consume(ring_);
    return std::exchange(*samples_, {});
  }

 private:
  std::unique_ptr<Loaded> counter_;
  ring_buffer* ring_;
  std::unique_ptr<std::vector<tcp_sample>> samples_;  // stays where the ring's callback finds it
};

int keep(void* samples, void* data, std::size_t bytes) {
  if (bytes != sizeof(tcp_sample)) return 0;
  tcp_sample sample;
  std::memcpy(&sample, data, sizeof sample);
  static_cast<std::vector<tcp_sample>*>(samples)->push_back(sample);
  return 0;
}

}  // namespace

std::expected<std::unique_ptr<TcpEvents>, std::string> TcpEvents::load() {
  auto counter = Loaded::load(kProbe, kLayout, TCP_SLOTS,
                              {tcp_events_bpf__open, tcp_events_bpf__load, tcp_events_bpf__attach,
                               tcp_events_bpf__destroy});
  if (!counter) return std::unexpected(std::move(counter.error()));
  auto samples = std::make_unique<std::vector<tcp_sample>>();
  const int map = bpf_map__fd((*counter)->skeleton().maps.samples);
  ring_buffer* ring = ring_buffer__new(map, keep, samples.get(), nullptr);
  if (!ring) return std::unexpected(bpf_refusal(kProbe, "map the ring buffer", errno));
  return std::make_unique<LoadedTcpEvents>(std::move(*counter), ring, std::move(samples));
}

std::map<std::uint32_t, std::string> kernel_enum(const std::string& name) {
  std::map<std::uint32_t, std::string> names;
  const std::unique_ptr<btf, void (*)(btf*)> kernel(btf__load_vmlinux_btf(), btf__free);
  if (!kernel) return names;
  const int id = btf__find_by_name_kind(kernel.get(), name.c_str(), BTF_KIND_ENUM);
  if (id <= 0) return names;
  const btf_type* type = btf__type_by_id(kernel.get(), static_cast<__u32>(id));
  const std::span values(btf_enum(type), btf_vlen(type));
  for (const auto& value : values)
    names[static_cast<std::uint32_t>(value.val)] =
        btf__name_by_offset(kernel.get(), value.name_off);
  return names;
}

#else

std::expected<std::unique_ptr<TcpEvents>, std::string> TcpEvents::load() {
  return std::unexpected(bpf_missing("tcp_events"));
}

std::map<std::uint32_t, std::string> kernel_enum(const std::string&) { return {}; }

#endif

}  // namespace zyphos
