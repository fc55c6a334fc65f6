#if ZYPHOS_HAVE_LIBURING

#include "engine/uring_buffers.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace zyphos {
namespace {

[[noreturn]] void fail(int error, const char* doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

}  // namespace

// Side by side, so that what lies behind a buffer is the next one; only the last needs padding.
RingBuffers::RingBuffers(io_uring& ring, const UringOptions& options)
    : count_(options.buffers),
      bytes_(options.buffer_bytes),
      incremental_(options.incremental_buffers),
      memory_(std::make_unique_for_overwrite<std::byte[]>(count_ * bytes_ + kReadPadding)),
      next_(count_),
      filled_(count_) {
  std::memset(memory_.get() + count_ * bytes_, 0, kReadPadding);
  void* memory = mmap(nullptr, count_ * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail(errno, "mmap of the receive buffers' ring");
  ring_ = static_cast<io_uring_buf_ring*>(memory);
  BufferRegistration registration{.ring_addr = reinterpret_cast<std::uintptr_t>(memory),
                                  .ring_entries = count_,
                                  .bgid = kGroup};
  if (incremental_) registration.flags = kIncremental;
  const int error = io_uring_register(static_cast<unsigned>(ring.ring_fd),
                                      IORING_REGISTER_PBUF_RING, &registration, 1);
  if (error < 0) {
    munmap(memory, count_ * sizeof(io_uring_buf));
    fail(-error, "io_uring_register of the receive buffers");
  }
  io_uring_buf_ring_init(ring_);
  for (unsigned i = 0; i < count_; ++i) give(static_cast<unsigned short>(i));
  hand_back();
}

RingBuffers::~RingBuffers() { munmap(ring_, count_ * sizeof(io_uring_buf)); }

void RingBuffers::give(unsigned short id) {
  next_[last_] = id;
  last_ = id;
  filled_[id] = 0;
  io_uring_buf_ring_add(ring_, at(id), static_cast<unsigned>(bytes_), id,
                        io_uring_buf_ring_mask(count_), given_++);
}

void RingBuffers::hand_back() {
  if (given_ > 0) io_uring_buf_ring_advance(ring_, given_);
  given_ = 0;
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
