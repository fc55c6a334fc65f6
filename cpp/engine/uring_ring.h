// Ring: one io_uring as its options make it: entries to fill, submitting and waiting, completions,
// and its provided receive buffers. Counts what passes. Knows nothing of connections. Only where
// liburing is.
//
// Thread safety: made and used by one thread. The kernel's own threads read and write beside it,
// as the rings provide for.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/counters.h"
#include "base/time.h"
#include "engine/uring_buffers.h"
#include "engine/uring_options.h"

namespace zyphos {

// What io_uring_setup(2) takes for these options.
io_uring_params ring_parameters(const UringOptions& options);

class Ring {
 public:
  // std::system_error says what could not be made. The references outlive it.
  Ring(const UringOptions& options, Counters& counters);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // A cleared entry to fill; submits when the queue is full.
  io_uring_sqe& entry();
  // Makes room, so that the next `count` entries are submitted together.
  void together(unsigned count);
  // How many entries have been asked for.
  std::uint64_t asked() const { return asked_; }
  // Is the entry of this number the last, and not submitted yet?
  bool is_last(std::uint64_t number) const { return number == asked_ && number > submitted_; }
  // Parts of a send, at most kParts, kept until the entry that is asked for next has been submitted
  // (IORING_FEAT_SUBMIT_STABLE). together() comes first: an entry that must submit others to find
  // its room would let them go.
  static constexpr std::size_t kParts = 64;
  msghdr& message(std::span<const ConstBytes> parts);

  enum class Woken : std::uint8_t { ready, timeout, interrupted };
  // Submits everything and waits for one completion, from `now` until `deadline` (never(): without
  // limit; past: not at all).
  Woken submit_and_wait(Time deadline, Time now);
  // Submits everything.
  void submit();
  // Has the kernel completions that found the queue full? It hands them over with the next wait.
  bool overflowed() const {
    return (IO_URING_READ_ONCE(*ring_.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
  }

  // Calls handle(const io_uring_cqe&) for what has completed by now; returns how many.
  template <class Handle>
  unsigned completions(Handle handle) {
    unsigned count = 0;
    for (; !held_.empty(); ++count) handle(take_held());
    unsigned head = *ring_.cq.khead;
    const unsigned tail = io_uring_smp_load_acquire(ring_.cq.ktail);
    for (; head != tail && held_.empty(); ++count) {
      // Copied and taken first: handling may submit, which wants room for completions.
      const io_uring_cqe completion = ring_.cq.cqes[head & *ring_.cq.kring_mask];
      io_uring_smp_store_release(ring_.cq.khead, ++head);
      handle(completion);
    }
    for (; !held_.empty(); ++count) handle(take_held());
    if (buffers_) buffers_->hand_back();
    return count;
  }

  RingBuffers& buffers() { return *buffers_; }
  io_uring& raw() { return ring_; }

 private:
  struct Message {
    msghdr header;
    iovec parts[kParts];
  };
  static constexpr std::size_t kMessages = 64;

  int enter(Time deadline, Time now);
  void entered();
  void hold();
  io_uring_cqe take_held();
  void forget_submitted();

  const UringOptions& options_;
  Counters& counters_;
  io_uring ring_{};
  std::optional<RingBuffers> buffers_;
  std::vector<Message> messages_;
  std::size_t messages_used_ = 0;
  std::uint64_t asked_ = 0;         // entries
  std::uint64_t submitted_ = 0;     // of these
  std::vector<io_uring_cqe> held_;  // completions that had to make room for others
  std::size_t held_taken_ = 0;
};

}  // namespace zyphos
