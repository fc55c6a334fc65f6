#include "probe/memory.h"

#include <unistd.h>

#include <array>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "probe/memory.bpf.h"

#if ZYPHOS_HAVE_LIBBPF
#include "memory.skel.h"
#include "probe/loaded_counter.h"
#endif

namespace zyphos {

#if ZYPHOS_HAVE_LIBBPF

namespace {

constexpr const char* kProbe = "memory";

#define ZYPHOS_RANGE(name) SlotRange{#name, MEMORY_SLOT_##name, 1},
constexpr std::array kLayout{MEMORY_COUNTS(ZYPHOS_RANGE)};
#undef ZYPHOS_RANGE

using Loaded = LoadedCounter<memory_bpf>;

struct Point {
  const char* function;
  const bpf_program* program;
  bool needed;
};

// In glibc aligned_alloc and memalign are one.
std::array<Point, 6> points_of(const memory_bpf& skeleton) {
  const auto& programs = skeleton.progs;
  return {{{.function = "malloc", .program = programs.on_malloc, .needed = true},
           {.function = "free", .program = programs.on_free, .needed = true},
           {.function = "calloc", .program = programs.on_calloc, .needed = false},
           {.function = "realloc", .program = programs.on_realloc, .needed = false},
           {.function = "aligned_alloc", .program = programs.on_memalign, .needed = false},
           {.function = "posix_memalign", .program = programs.on_posix_memalign, .needed = false}}};
}

class LoadedAllocations final : public Allocations {
 public:
  explicit LoadedAllocations(std::unique_ptr<Loaded> counter) : counter_(std::move(counter)) {}
  ~LoadedAllocations() override {
    for (const auto& [process, links] : links_) destroy(links);
  }

  void watch(pid_t process, const std::string& file) override {
    auto& links = links_[process];
    for (const auto& point : points_of(counter_->skeleton())) {
      LIBBPF_OPTS(bpf_uprobe_opts, options, .func_name = point.function);
      errno = 0;
      bpf_link* link =
          bpf_program__attach_uprobe_opts(point.program, process, file.c_str(), 0, &options);
      if (link)
        links.push_back(link);
      else if (point.needed || errno != ENOENT)
        throw std::system_error(errno, std::generic_category(),
                                std::string("attach to ") + point.function + " of " + file);
    }
  }

  void unwatch(pid_t process) override {
    if (const auto found = links_.extract(process)) destroy(found.mapped());
  }

  RoleCounter& counter() override { return *counter_; }

 private:
  using Links = std::vector<bpf_link*>;

  static void destroy(const Links& links) {
    for (bpf_link* link : links) bpf_link__destroy(link);
  }

  std::unique_ptr<Loaded> counter_;
  std::map<pid_t, Links> links_;
};

}  // namespace

std::expected<std::unique_ptr<Allocations>, std::string> Allocations::load() {
  if (access("/sys/bus/event_source/devices/uprobe/type", R_OK) != 0)
    return std::unexpected(std::string(kProbe) +
                           ": no uprobes here (/sys/bus/event_source/devices/uprobe); the kernel "
                           "has to be built with CONFIG_UPROBE_EVENTS");
  auto counter =
      Loaded::load(kProbe, kLayout, MEMORY_SLOTS,
                   {memory_bpf__open, memory_bpf__load, memory_bpf__attach, memory_bpf__destroy});
  if (!counter) return std::unexpected(std::move(counter.error()));
  return std::make_unique<LoadedAllocations>(std::move(*counter));
}

#else

std::expected<std::unique_ptr<Allocations>, std::string> Allocations::load() {
  return std::unexpected(bpf_missing("memory"));
}

#endif

}  // namespace zyphos
