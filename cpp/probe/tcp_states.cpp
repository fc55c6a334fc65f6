#include "probe/tcp_states.h"

#include <utility>

#include "probe/bpf_loading.h"

#if ZYPHOS_HAVE_LIBBPF
#include "probe/loaded_events.h"
#include "probe/tcp_watch.h"
#include "tcp_states.skel.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

using Loaded = LoadedEvents<tcp_states_bpf, tcp_state_change>;

class LoadedTcpStates final : public TcpStates {
 public:
  explicit LoadedTcpStates(std::unique_ptr<Loaded> loaded) : loaded_(std::move(loaded)) {}

  void watch(std::uint16_t port, std::span<const std::uint32_t> namespaces) override {
    auto& shared = *loaded_->skeleton().bss;
    watch_namespaces(shared, namespaces);
    watch_port(shared, port);
  }

  std::vector<tcp_state_change> take() override { return loaded_->take(); }

  std::uint64_t lost() const override {
    return __atomic_load_n(&loaded_->skeleton().bss->lost, __ATOMIC_RELAXED);
  }

 private:
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace

std::expected<std::unique_ptr<TcpStates>, std::string> TcpStates::load() {
  auto loaded = Loaded::load("tcp_states", {tcp_states_bpf__open, tcp_states_bpf__load,
                                            tcp_states_bpf__attach, tcp_states_bpf__destroy});
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::make_unique<LoadedTcpStates>(std::move(*loaded));
}

#else

std::expected<std::unique_ptr<TcpStates>, std::string> TcpStates::load() {
  return std::unexpected(bpf_missing("tcp_states"));
}

#endif

}  // namespace zyphos
