// libzyphos-count-allocations.so: counts the calls of malloc and the like of whatever it is
// preloaded into (LD_PRELOAD), in memory that the runner shares with it. A call costs two atomic
// adds.
//
// ZYPHOS_ALLOCATIONS names the memory, a file; without it, or where it cannot be mapped, calls are
// handed on and not counted. A forked child goes on counting in the same memory, in a slot of its
// own, and what is executed is preloaded again. What it does not see: programs without a dynamic
// linker, allocators that are part of the program itself, mmap. Knows neither roles nor windows.
//
// What is counted is what memory.bpf.c counts at the C library's own functions; whether they are
// those, or of a library that stands before it, does not matter here.
//
// Thread safety: any thread, any process, a signal handler. Invariants: (1) a slot is anybody's,
// for adds are atomic: one for each thread keeps cache lines apart; (2) nothing here allocates.
// Source: malloc(3), ld.so(8), dlsym(3).
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "probe/allocation_counts.h"
#include "probe/memory.bpf.h"

namespace {

using zyphos::AllocationCounts;
using Slot = AllocationCounts::Slot;

AllocationCounts* counts = nullptr;
// Initial-exec: finding it must not allocate.
__attribute__((tls_model("initial-exec"))) thread_local Slot* own = nullptr;

Slot* take() {
  if (!counts) return nullptr;
  const auto taken = __atomic_fetch_add(&counts->taken, 1, __ATOMIC_RELAXED);
  return own = &counts->slots[taken % AllocationCounts::kSlots];
}

void count(unsigned what, std::uint64_t bytes = 0) {
  Slot* slot = own ? own : take();
  if (!slot) return;
  __atomic_fetch_add(&slot->numbers[what], 1, __ATOMIC_RELAXED);
  if (bytes != 0)
    __atomic_fetch_add(&slot->numbers[MEMORY_SLOT_allocated_bytes], bytes, __ATOMIC_RELAXED);
}

__attribute__((constructor)) void map_counts() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
  const char* path = std::getenv("ZYPHOS_ALLOCATIONS");
  const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  struct stat status{};
  if (fd < 0) return;
  if (fstat(fd, &status) == 0 && status.st_size == sizeof(AllocationCounts)) {
    const int access = PROT_READ | PROT_WRITE;
    void* memory = mmap(nullptr, sizeof(AllocationCounts), access, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED) counts = static_cast<AllocationCounts*>(memory);
  }
  close(fd);
  pthread_atfork(nullptr, nullptr, [] { own = nullptr; });
}

// The functions that ours stand before, found at the first call of any.
struct Next {
  void* (*malloc)(std::size_t);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void (*free)(void*);
};
Next next{};
bool known = false;

// For whoever allocates while they are looked for: older C libraries' dlsym does. Never given back.
alignas(std::max_align_t) std::byte early[4096];
std::size_t early_bytes = 0;

bool is_early(const void* block) { return block >= early && block < early + sizeof early; }

void* take_early(std::size_t bytes) {
  const std::size_t first = early_bytes;
  early_bytes += (bytes + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);
  return early_bytes <= sizeof early ? early + first : nullptr;
}

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// Whether they are known: not while this very thread looks for them. A program has one thread when
// it first allocates.
bool ready() {
  static bool looking = false;
  if (known || looking) return known;
  looking = true;
  find(next.malloc, "malloc");
  find(next.calloc, "calloc");
  find(next.realloc, "realloc");
  find(next.aligned_alloc, "aligned_alloc");
  find(next.memalign, "memalign");
  find(next.posix_memalign, "posix_memalign");
  find(next.free, "free");
  known = true;
  return true;
}

void* moved_from_early(const void* block, std::size_t bytes) {
  void* moved = next.malloc(bytes);
  const auto* from = static_cast<const std::byte*>(block);
  const auto left = static_cast<std::size_t>(early + sizeof early - from);
  if (moved) std::memcpy(moved, block, bytes < left ? bytes : left);
  return moved;
}

}  // namespace

#define ZYPHOS_EXPORTED extern "C" __attribute__((visibility("default")))

ZYPHOS_EXPORTED void* malloc(std::size_t bytes) noexcept {
  if (!ready()) return take_early(bytes);
  count(MEMORY_SLOT_mallocs, bytes);
  return next.malloc(bytes);
}

ZYPHOS_EXPORTED void* calloc(std::size_t members, std::size_t bytes) noexcept {
  if (!ready()) return take_early(members * bytes);
  count(MEMORY_SLOT_callocs, members * bytes);
  return next.calloc(members, bytes);
}

// Of nothing it is a malloc, to nothing a free too: as the C library itself has it.
ZYPHOS_EXPORTED void* realloc(void* block, std::size_t bytes) noexcept {
  if (!ready()) return nullptr;
  if (!block) {
    count(MEMORY_SLOT_mallocs, bytes);
    return next.realloc(block, bytes);
  }
  if (is_early(block)) return moved_from_early(block, bytes);
  count(MEMORY_SLOT_reallocs, bytes);
  if (bytes == 0) count(MEMORY_SLOT_frees);
  return next.realloc(block, bytes);
}

ZYPHOS_EXPORTED void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  if (!ready() || !next.aligned_alloc) return nullptr;
  count(MEMORY_SLOT_aligned_allocs, bytes);
  return next.aligned_alloc(alignment, bytes);
}

ZYPHOS_EXPORTED void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  if (!ready() || !next.memalign) return nullptr;
  count(MEMORY_SLOT_aligned_allocs, bytes);
  return next.memalign(alignment, bytes);
}

ZYPHOS_EXPORTED int posix_memalign(void** block, std::size_t alignment,
                                   std::size_t bytes) noexcept {
  if (!ready() || !next.posix_memalign) return ENOMEM;
  count(MEMORY_SLOT_aligned_allocs, bytes);
  return next.posix_memalign(block, alignment, bytes);
}

ZYPHOS_EXPORTED void free(void* block) noexcept {
  if (!block || is_early(block) || !ready()) return;
  count(MEMORY_SLOT_frees);
  next.free(block);
}
