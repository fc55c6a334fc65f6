// RingBuffers: the receive buffers that a loop lends the kernel (a provided buffer ring), and which
// of them a completion has filled: one, several in a row (bundles), or a part of one (incremental).
//
// Thread safety: none, the ring's thread. Cost: O(buffers that a completion filled); allocates
// when made.
#pragma once

#include <liburing.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "engine/uring_kernel.h"
#include "engine/uring_options.h"

namespace zyphos {

class RingBuffers {
 public:
  static constexpr unsigned short kGroup = 0;

  // std::system_error says what could not be made. The ring goes first.
  RingBuffers(io_uring& ring, const UringOptions& options);
  ~RingBuffers();
  RingBuffers(const RingBuffers&) = delete;
  RingBuffers& operator=(const RingBuffers&) = delete;

  // Calls show(Bytes) for what a completion with cqe.res > 0 has brought, in order, each piece as
  // long as memory allows, with kReadPadding readable bytes behind it; afterwards the buffers are
  // the kernel's again, from hand_back() on.
  template <class Show>
  void pieces(const io_uring_cqe& completion, Show show) {
    auto id = static_cast<unsigned short>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    auto left = static_cast<std::size_t>(completion.res);
    if (incremental_) {
      show(Bytes(at(id) + filled_[id], left));
      filled_[id] += left;
      if ((completion.flags & kBufferMore) == 0) give(id);
      return;
    }
    while (left > 0) {
      const Run run = run_from(id, left);
      show(Bytes(at(id), run.size));
      for (unsigned i = 0; i < run.buffers; ++i) give(static_cast<unsigned short>(id + i));
      left -= run.size;
      id = run.next;
    }
  }

  void hand_back();

 private:
  struct Run {
    std::size_t size;
    unsigned buffers;
    unsigned short next;
  };

  std::byte* at(std::size_t id) const { return memory_.get() + id * bytes_; }
  // The buffers from `id` on that hold `left` bytes, as far as they lie side by side.
  Run run_from(unsigned short id, std::size_t left) const {
    Run run{.size = std::min(left, bytes_), .buffers = 1, .next = next_[id]};
    while (run.size < left && run.next == id + run.buffers) {
      run.size += std::min(left - run.size, bytes_);
      run.next = next_[run.next];
      ++run.buffers;
    }
    return run;
  }
  void give(unsigned short id);

  io_uring_buf_ring* ring_ = nullptr;
  unsigned count_;
  std::size_t bytes_;
  bool incremental_;
  std::unique_ptr<std::byte[]> memory_;
  std::vector<unsigned short> next_;  // which buffer the kernel takes after this one
  std::vector<std::size_t> filled_;   // bytes that the kernel has put into it
  unsigned short last_ = 0;           // the last that was given
  int given_ = 0;
};

}  // namespace zyphos
