#include "probe/syscall_sequence.h"

#include <utility>

#if ZYPHOS_HAVE_LIBBPF
#include "probe/loaded_events.h"
#include "syscall_sequence.skel.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

using Loaded = LoadedEvents<syscall_sequence_bpf, syscall_done>;

class LoadedSyscallSequence final : public SyscallSequence {
 public:
  explicit LoadedSyscallSequence(std::unique_ptr<Loaded> loaded)
      : loaded_(std::move(loaded)), followed_(loaded_->skeleton().maps.roles) {}

  void follow(pid_t process, Role role) override { followed_.follow(process, role); }
  void forget_all() override { followed_.forget_all(); }
  std::vector<syscall_done> take() override { return loaded_->take(); }

  std::uint64_t lost() const override {
    return __atomic_load_n(&loaded_->skeleton().bss->lost, __ATOMIC_RELAXED);
  }

 private:
  std::unique_ptr<Loaded> loaded_;
  FollowedRoles followed_;
};

}  // namespace

std::expected<std::unique_ptr<SyscallSequence>, std::string> SyscallSequence::load() {
  auto loaded = Loaded::load("syscall_sequence",
                             {syscall_sequence_bpf__open, syscall_sequence_bpf__load,
                              syscall_sequence_bpf__attach, syscall_sequence_bpf__destroy});
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::make_unique<LoadedSyscallSequence>(std::move(*loaded));
}

#else

std::expected<std::unique_ptr<SyscallSequence>, std::string> SyscallSequence::load() {
  return std::unexpected(bpf_missing("syscall_sequence"));
}

#endif

}  // namespace zyphos
