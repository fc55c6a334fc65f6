// RoleCounter of any skeleton that has the map `counts`, and maybe `roles` (follow.bpf.h): loading,
// mapping, attaching, and the reason where one of them is refused. Only where libbpf is.
#pragma once

#include <bpf/libbpf.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "probe/role_counter.h"

namespace zyphos {

// What bpftool generates for an object, as C functions (its C++ members are newer).
template <typename Skeleton>
struct SkeletonCalls {
  Skeleton* (*open)();
  int (*load)(Skeleton*);
  int (*attach)(Skeleton*);
  void (*destroy)(Skeleton*);
};

template <typename Skeleton>
class LoadedCounter final : public RoleCounter {
 public:
  // `probe` names it in reasons; `per_role` is how many numbers a role has.
  static std::expected<std::unique_ptr<LoadedCounter>, std::string> load(
      const char* probe, std::span<const SlotRange> layout, std::size_t per_role,
      const SkeletonCalls<Skeleton>& calls) {
    const auto refused = [&](const char* tried, int error) {
      return std::unexpected(bpf_refusal(probe, tried, error));
    };
    if (auto missing = bpf_missing(probe); !missing.empty()) return std::unexpected(missing);
    std::unique_ptr<LoadedCounter> counter(new LoadedCounter(layout, per_role, calls));
    Skeleton*& skeleton = counter->skeleton_;
    skeleton = calls.open();
    if (!skeleton) return refused("open the BPF object", errno);
    if (auto reason = PerCpuSlots::size(probe, skeleton->maps.counts, per_role))
      return std::unexpected(*reason);
    if (const int error = calls.load(skeleton)) return refused("bpf(BPF_PROG_LOAD)", -error);
    auto slots = PerCpuSlots::of(probe, skeleton->maps.counts, per_role);
    if (!slots) return std::unexpected(std::move(slots.error()));
    counter->slots_ = std::move(*slots);
    if constexpr (requires { skeleton->maps.roles; })
      counter->followed_ = FollowedRoles(skeleton->maps.roles);
    if (const int error = calls.attach(skeleton)) return refused("attach tp_btf", -error);
    return counter;
  }

  // For what the program has besides; valid as long as this.
  Skeleton& skeleton() { return *skeleton_; }

  ~LoadedCounter() override { calls_.destroy(skeleton_); }

  void follow(pid_t process, Role role) override { followed_.follow(process, role); }
  void forget_all() override { followed_.forget_all(); }
  void set_epoch(std::int64_t time_ns) override {
    if constexpr (requires { skeleton_->bss->epoch_ns; })
      skeleton_->bss->epoch_ns = static_cast<std::uint64_t>(time_ns);
  }

  std::vector<std::uint64_t> counts(Role role) const override {
    std::vector<std::uint64_t> sums(per_role_);
    slots_.add(role, sums);
    return sums;
  }

 private:
  LoadedCounter(std::span<const SlotRange> layout, std::size_t per_role,
                const SkeletonCalls<Skeleton>& calls)
      : RoleCounter(layout), per_role_(per_role), calls_(calls) {}

  std::size_t per_role_;
  SkeletonCalls<Skeleton> calls_;
  Skeleton* skeleton_ = nullptr;
  FollowedRoles followed_;
  PerCpuSlots slots_;
};

}  // namespace zyphos
