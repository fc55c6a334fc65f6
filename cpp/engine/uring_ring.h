// Ring: one io_uring with its provided receive buffers, set up as the loop needs it and checked for
// what the kernel must have. Knows nothing of connections. Only where liburing is.
//
// Thread safety: made and used by one thread (SINGLE_ISSUER).
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace zyphos {

class Ring {
 public:
  static constexpr unsigned kSubmissions = 1024;
  static constexpr unsigned kCompletions = 8192;
  static constexpr unsigned kBuffers = 256;
  static constexpr std::size_t kBuffer_bytes = 16 * 1024;
  static constexpr unsigned short kBufferGroup = 0;

  // Why the kernel cannot; empty: it can. Makes and drops a small ring.
  static std::string missing();

  // std::system_error says what could not be made.
  Ring();
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // A cleared entry to fill; submits when the queue is full.
  io_uring_sqe& entry();
  // Parts of a send, kept until they have been submitted (IORING_FEAT_SUBMIT_STABLE). At most
  // kParts.
  static constexpr std::size_t kParts = 64;
  msghdr& message(std::span<const ConstBytes> parts);

  enum class Woken : std::uint8_t { ready, timeout, interrupted };
  // Submits everything and waits for one completion, until `deadline` (never(): without limit;
  // past: not at all).
  Woken submit_and_wait(Time deadline);

  // Calls handle(const io_uring_cqe&) for what has completed by now; returns how many.
  template <class Handle>
  unsigned completions(Handle handle) {
    unsigned count = 0;
    io_uring_cqe* next = nullptr;
    while (io_uring_peek_cqe(&ring_, &next) == 0) {
      // Copied and taken first: handling may submit, which wants room for completions.
      const io_uring_cqe completion = *next;
      io_uring_cqe_seen(&ring_, next);
      handle(completion);
      ++count;
    }
    hand_back();
    return count;
  }

  // The buffer that a completion names; kReadPadding readable bytes behind it.
  std::byte* buffer(const io_uring_cqe& completion);
  // The kernel may use it again (once the present completions are through).
  void give(const io_uring_cqe& completion);

 private:
  struct Message {
    msghdr header;
    iovec parts[kParts];
  };
  static constexpr std::size_t kMessages = 64;

  void make_buffers();
  void hand_back();
  void submit();

  io_uring ring_{};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  std::unique_ptr<std::byte[]> buffers_;
  int given_ = 0;
  std::vector<Message> messages_;
  std::size_t messages_used_ = 0;
};

}  // namespace zyphos
