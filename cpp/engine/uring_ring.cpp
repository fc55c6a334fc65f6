#if ZYPHOS_HAVE_LIBURING

#include "engine/uring_ring.h"

#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"
#include "net/clock.h"

namespace zyphos {
namespace {

constexpr unsigned kFlags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                            IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;

[[noreturn]] void fail(int error, const char* doing) {
  throw std::system_error(error, std::generic_category(), doing);
}

std::string refusal(int error) {
  switch (error) {
    case ENOSYS: return "io_uring is not in this kernel";
    case EPERM:
      return "io_uring is not permitted here (sysctl kernel.io_uring_disabled, or a sandbox)";
    case EINVAL: return "io_uring here has no DEFER_TASKRUN (Linux 6.1 is needed)";
    default: return "io_uring_setup: " + std::generic_category().message(error);
  }
}

std::string lacking_features(unsigned features) {
  struct Feature {
    unsigned bit;
    const char* name;
  };
  constexpr std::array kNeeded{Feature{IORING_FEAT_NODROP, "NODROP"},
                               Feature{IORING_FEAT_SUBMIT_STABLE, "SUBMIT_STABLE"},
                               Feature{IORING_FEAT_EXT_ARG, "EXT_ARG"}};
  for (const Feature& feature : kNeeded) {
    if ((features & feature.bit) == 0) return std::string("io_uring here has no ") + feature.name;
  }
  return {};
}

std::string lacking_operations(io_uring& ring) {
  constexpr std::array kNeeded{IORING_OP_ACCEPT,  IORING_OP_RECV,     IORING_OP_SEND,
                               IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
  io_uring_probe* probe = io_uring_get_probe_ring(&ring);
  if (probe == nullptr) return "io_uring here cannot be probed";
  std::string lacking;
  for (const auto operation : kNeeded) {
    if (io_uring_opcode_supported(probe, operation)) continue;
    lacking = "io_uring here has no operation " + std::to_string(operation);
  }
  io_uring_free_probe(probe);
  return lacking;
}

}  // namespace

std::string Ring::missing() {
  io_uring ring{};
  io_uring_params params{};
  params.flags = kFlags;
  params.cq_entries = 16;
  const int error = io_uring_queue_init_params(8, &ring, &params);
  if (error < 0) return refusal(-error);
  std::string reason = lacking_features(params.features);
  if (reason.empty()) reason = lacking_operations(ring);
  io_uring_queue_exit(&ring);
  return reason;
}

Ring::Ring() : messages_(kMessages) {
  io_uring_params params{};
  params.flags = kFlags;
  params.cq_entries = kCompletions;
  const int error = io_uring_queue_init_params(kSubmissions, &ring_, &params);
  if (error < 0) fail(-error, "io_uring_setup");
  try {
    make_buffers();
    // Spares each call the look-up of the ring's descriptor.
    const int registered = io_uring_register_ring_fd(&ring_);
    if (registered < 0) fail(-registered, "io_uring_register_ring_fd");
  } catch (...) {
    io_uring_queue_exit(&ring_);
    throw;
  }
}

Ring::~Ring() {
  io_uring_queue_exit(&ring_);
  munmap(buffer_ring_, kBuffers * sizeof(io_uring_buf));
}

void Ring::make_buffers() {
  // Side by side, so that what lies behind a buffer is the next one; only the last needs padding.
  buffers_ = std::make_unique_for_overwrite<std::byte[]>(kBuffers * kBuffer_bytes + kReadPadding);
  std::memset(buffers_.get() + kBuffers * kBuffer_bytes, 0, kReadPadding);
  void* memory = mmap(nullptr, kBuffers * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail(errno, "mmap of the receive buffers' ring");
  buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = kBuffers;
  registration.bgid = kBufferGroup;
  const int error = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (error < 0) {
    munmap(memory, kBuffers * sizeof(io_uring_buf));
    fail(-error, "io_uring_register_buf_ring");
  }
  io_uring_buf_ring_init(buffer_ring_);
  for (unsigned i = 0; i < kBuffers; ++i) {
    io_uring_buf_ring_add(buffer_ring_, buffers_.get() + i * kBuffer_bytes, kBuffer_bytes,
                          static_cast<unsigned short>(i), io_uring_buf_ring_mask(kBuffers),
                          static_cast<int>(i));
  }
  io_uring_buf_ring_advance(buffer_ring_, kBuffers);
}

io_uring_sqe& Ring::entry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) {
    submit();
    entry = io_uring_get_sqe(&ring_);
  }
  ZY_CHECK(entry != nullptr);
  return *entry;
}

msghdr& Ring::message(std::span<const ConstBytes> parts) {
  ZY_DCHECK(parts.size() <= kParts);
  if (messages_used_ == kMessages) submit();
  Message& message = messages_[messages_used_++];
  for (std::size_t i = 0; i < parts.size(); ++i) {
    message.parts[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  message.header = {};
  message.header.msg_iov = message.parts;
  message.header.msg_iovlen = parts.size();
  return message.header;
}

void Ring::submit() {
  const int result = io_uring_submit(&ring_);
  if (result < 0) fail(-result, "io_uring_enter");
  messages_used_ = 0;
}

Ring::Woken Ring::submit_and_wait(Time deadline) {
  int result = 0;
  if (deadline.is_never()) {
    result = io_uring_submit_and_wait(&ring_, 1);
  } else {
    const timespec left = to_timespec(deadline - clock_now());
    __kernel_timespec limit{.tv_sec = left.tv_sec, .tv_nsec = left.tv_nsec};
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &limit, nullptr);
  }
  messages_used_ = 0;
  switch (result) {
    case -EINTR: return Woken::interrupted;
    case -ETIME:
    case -EAGAIN:
    case -EBUSY:  // completions have to be taken first
      return Woken::timeout;
    default:
      if (result < 0) fail(-result, "io_uring_enter");
      return Woken::ready;
  }
}

std::byte* Ring::buffer(const io_uring_cqe& completion) {
  const std::size_t id = completion.flags >> IORING_CQE_BUFFER_SHIFT;
  return buffers_.get() + id * kBuffer_bytes;
}

void Ring::give(const io_uring_cqe& completion) {
  const auto id = static_cast<unsigned short>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  io_uring_buf_ring_add(buffer_ring_, buffer(completion), kBuffer_bytes, id,
                        io_uring_buf_ring_mask(kBuffers), given_++);
}

void Ring::hand_back() {
  if (given_ > 0) io_uring_buf_ring_advance(buffer_ring_, given_);
  given_ = 0;
}

}  // namespace zyphos

#endif  // ZYPHOS_HAVE_LIBURING
