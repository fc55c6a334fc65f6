// What counting an allocation costs: malloc and free of 64 bytes plain, through the library that a
// run preloads (libzyphos-count-allocations.so, here opened by hand), and with traps at both. The
// cost of a call is half the difference to `plain`.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "probe/allocation_counts.h"
#include "probe/memory.bpf.h"
#include "probe/memory.h"
#include "probe/memory_fixture.h"

namespace zyphos {
namespace {

constexpr std::size_t kBytes = 64;

using Allocate = void* (*)(std::size_t);
using Release = void (*)(void*);

void pairs(benchmark::State& state, Allocate allocate, Release release) {
  for (auto _ : state) {
    void* block = allocate(kBytes);
    benchmark::DoNotOptimize(block);
    release(block);
  }
}

void plain(benchmark::State& state) { pairs(state, std::malloc, std::free); }

// The library, opened once for all, and what it counts in.
class Library {
 public:
  Library() {
    const int fd = memfd_create("zyphos-allocations", 0);
    if (fd < 0 || ftruncate(fd, sizeof(AllocationCounts)) != 0) return;
    const std::string shared = "/proc/self/fd/" + std::to_string(fd);
    setenv("ZYPHOS_ALLOCATIONS", shared.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
    const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    const auto path = folder / "../bin/libzyphos-count-allocations.so";
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    void* memory = mmap(nullptr, sizeof(AllocationCounts), PROT_READ, MAP_SHARED, fd, 0);
    if (!library || memory == MAP_FAILED) return;
    counts_ = static_cast<const AllocationCounts*>(memory);
    allocate = reinterpret_cast<Allocate>(dlsym(library, "malloc"));
    release = reinterpret_cast<Release>(dlsym(library, "free"));
  }

  bool works() const { return counts_ && allocate && release; }
  std::uint64_t mallocs() const {
    std::uint64_t sum = 0;
    for (const auto& slot : counts_->slots)
      sum += __atomic_load_n(&slot.numbers[MEMORY_SLOT_mallocs], __ATOMIC_RELAXED);
    return sum;
  }

  Allocate allocate = nullptr;
  Release release = nullptr;

 private:
  const AllocationCounts* counts_ = nullptr;
};

void preloaded(benchmark::State& state) {
  static const Library library;
  if (!library.works()) {
    state.SkipWithError("no libzyphos-count-allocations.so beside the programs");
    return;
  }
  const std::uint64_t before = library.mallocs();
  pairs(state, library.allocate, library.release);
  if (library.mallocs() - before != static_cast<std::uint64_t>(state.iterations()))
    state.SkipWithError("not every call was counted");
}

void trapped(benchmark::State& state) {
  auto loaded = Allocations::load();
  if (!loaded) {
    state.SkipWithError(loaded.error().c_str());
    return;
  }
  (*loaded)->counter().follow(getpid(), Role::server);
  (*loaded)->watch(getpid(), libc_file());
  pairs(state, std::malloc, std::free);
}

BENCHMARK(plain);
BENCHMARK(preloaded);
BENCHMARK(trapped);

}  // namespace
}  // namespace zyphos
