// Ring: messages of one size from one writer to one reader, in memory that both have mapped.
//
// Thread safety: one writer and one reader, in one process or in two. Invariants:
// (1) written and taken only grow; taken <= written <= taken + slots. Only the writer stores the
//     first, only the reader the second, each after it is done with the slots in between.
// (2) Who sleeps has said so (RingHead::*_sleeps) before it looked a last time; who has moved its
//     number looks at that afterwards. In the one order of these four accesses one of the two sees
//     the other: no wake-up is lost.
// (3) A writer that sleeps is woken when half of the ring is free, so that it then has work to do;
//     the reader, which sleeps at an empty ring only, with the first message.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "ipc/options.h"

namespace zyphos::ipc {

inline constexpr std::size_t kLine_bytes = 64;

// What lies before the slots. Zeroes are an empty ring.
struct RingHead {
  alignas(kLine_bytes) std::atomic<std::uint64_t> written;
  alignas(kLine_bytes) std::atomic<std::uint64_t> taken;
  alignas(kLine_bytes) std::atomic<std::uint32_t> reader_sleeps;
  alignas(kLine_bytes) std::atomic<std::uint32_t> writer_sleeps;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// How who waits at a ring does so, and who has something for it ends that.
class Waiting {
 public:
  // `eventfd`: By::eventfd alone; not owned.
  Waiting(By by, std::uint64_t spins, int eventfd) : by_(by), spins_(spins), eventfd_(eventfd) {}

  bool sleeps() const { return by_ != By::spin; }
  // Until `ready()`.
  template <class Ready>
  void until(Ready ready, std::atomic<std::uint32_t>& flag) const {
    for (;;) {
      for (std::uint64_t i = 0; i <= spins_ || !sleeps(); ++i) {
        if (ready()) return;
        look_again();
      }
      flag.store(1, std::memory_order_seq_cst);
      if (ready()) {
        flag.store(0, std::memory_order_relaxed);
        return;
      }
      sleep(flag);
    }
  }
  // Ends the other's sleep, if it sleeps.
  void wake(std::atomic<std::uint32_t>& flag) const {
    if (sleeps() && flag.load(std::memory_order_seq_cst) != 0) end_sleep(flag);
  }

 private:
  static void look_again();
  void sleep(std::atomic<std::uint32_t>& flag) const;
  void end_sleep(std::atomic<std::uint32_t>& flag) const;

  By by_;
  std::uint64_t spins_;
  int eventfd_;
};

// Where a ring of these options lies: `bytes` from its start on.
struct RingShape {
  explicit RingShape(const ChannelOptions& options);
  std::size_t slot_bytes;
  std::uint64_t slots;  // a power of two
  std::size_t bytes;
};

class RingWriter {
 public:
  // `memory`: RingShape::bytes, kLine_bytes aligned; it outlives the writer.
  RingWriter(void* memory, const ChannelOptions& options, int data_eventfd, int room_eventfd);
  // Waits for room.
  void send(ConstBytes message);

 private:
  bool full();

  RingHead& head_;
  std::byte* slots_;
  RingShape shape_;
  Waiting data_;  // what the reader waits with
  Waiting room_;  // what this waits with
  std::uint64_t written_ = 0;
  std::uint64_t taken_ = 0;  // as it was when last looked at: another core's cache line
};

class RingReader {
 public:
  // As RingWriter.
  RingReader(void* memory, const ChannelOptions& options, int data_eventfd, int room_eventfd);
  // The next message, in its slot, which is the writer's again at the next call.
  ConstBytes receive();

 private:
  void give_back();

  RingHead& head_;
  const std::byte* slots_;
  RingShape shape_;
  std::size_t message_bytes_;
  Waiting data_;
  Waiting room_;
  std::uint64_t taken_ = 0;
  std::uint64_t written_ = 0;  // as it was when last looked at
  bool shown_ = false;         // a slot is in the caller's hands
};

}  // namespace zyphos::ipc
