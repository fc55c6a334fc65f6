// Events that a BPF program tells one by one, of any skeleton that has the ring buffer `events`:
// loading, mapping, attaching, and the reason where one of them is refused. Only where libbpf is.
#pragma once

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "probe/bpf_loading.h"
#include "probe/loaded_counter.h"

namespace zyphos {

// Not thread-safe.
template <typename Skeleton, typename Event>
class LoadedEvents {
 public:
  // `probe` names it in reasons.
  static std::expected<std::unique_ptr<LoadedEvents>, std::string> load(
      const char* probe, const SkeletonCalls<Skeleton>& calls) {
    const auto refused = [&](const char* tried, int error) {
      return std::unexpected(bpf_refusal(probe, tried, error));
    };
    if (auto missing = bpf_missing(probe); !missing.empty()) return std::unexpected(missing);
    std::unique_ptr<LoadedEvents> loaded(new LoadedEvents(calls));
    loaded->skeleton_ = calls.open();
    if (!loaded->skeleton_) return refused("open the BPF object", errno);
    if (const int error = calls.load(loaded->skeleton_))
      return refused("bpf(BPF_PROG_LOAD)", -error);
    const int map = bpf_map__fd(loaded->skeleton_->maps.events);
    loaded->ring_ = ring_buffer__new(map, keep, &loaded->kept_, nullptr);
    if (!loaded->ring_) return refused("map the ring buffer", errno);
    if (const int error = calls.attach(loaded->skeleton_)) return refused("attach tp_btf", -error);
    return loaded;
  }

  LoadedEvents(const LoadedEvents&) = delete;
  LoadedEvents& operator=(const LoadedEvents&) = delete;
  ~LoadedEvents() {
    ring_buffer__free(ring_);
    if (skeleton_) calls_.destroy(skeleton_);
  }

  // Valid as long as this.
  Skeleton& skeleton() { return *skeleton_; }

  // What was told since the last call, by time but for moments.
  std::vector<Event> take() {
    ring_buffer__consume(ring_);
    return std::exchange(kept_, {});
  }

 private:
  explicit LoadedEvents(const SkeletonCalls<Skeleton>& calls) : calls_(calls) {}

  static int keep(void* kept, void* data, std::size_t bytes) {
    if (bytes != sizeof(Event)) return 0;
    Event event;
    std::memcpy(&event, data, sizeof event);
    static_cast<std::vector<Event>*>(kept)->push_back(event);
    return 0;
  }

  SkeletonCalls<Skeleton> calls_;
  Skeleton* skeleton_ = nullptr;
  ring_buffer* ring_ = nullptr;
  std::vector<Event> kept_;
};

}  // namespace zyphos
