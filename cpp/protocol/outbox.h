// Outbox: the bytes that one connection wants sent, in order: written into the driver's memory, or
// referred to where they stay put, cut into send calls where the connection says so.
//
// Back-pressure: room() bounds payload; a small reserve behind it is for control frames and error
// answers only, so that two peers whose outboxes are full never wait for each other. Memory is held
// only while there is something to send. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "memory/block_pool.h"

namespace zyphos {

// Keeps referred bytes alive; released once, when the kernel no longer needs them. Move-only.
class Hold {
 public:
  using Release = void (*)(void* owner);

  Hold() = default;  // bytes that live longer than any connection
  Hold(Release release, void* owner) : release_(release), owner_(owner) {}
  Hold(Hold&& other) noexcept
      : release_(std::exchange(other.release_, nullptr)), owner_(other.owner_) {}
  Hold& operator=(Hold&& other) noexcept {
    if (this != &other) {
      reset();
      release_ = std::exchange(other.release_, nullptr);
      owner_ = other.owner_;
    }
    return *this;
  }
  ~Hold() { reset(); }

  void reset() {
    if (auto* release = std::exchange(release_, nullptr)) release(owner_);
  }

 private:
  Release release_ = nullptr;
  void* owner_ = nullptr;
};

// A piece of an open file; the descriptor stays open until the Hold is released.
struct FileRange {
  int fd = -1;
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

class Outbox {
 public:
  static constexpr std::size_t kSegments = 64;
  static constexpr std::size_t kReserve_bytes = 1024;
  // Referred bytes pending beyond which room() is 0.
  static constexpr std::size_t kHighWater_bytes = 256 * 1024;

  // `takes_files`: whether the driver can send file ranges.
  explicit Outbox(BlockPool& pool, bool takes_files = false)
      : pool_(&pool), takes_files_(takes_files) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { clear(); }
  // Exchanges everything, also the memory (two outboxes of one connection: one in flight, one
  // filling).
  void swap(Outbox& other) noexcept;

  // --- for the connection ---

  // Payload bytes that write() takes now, contiguous; 0 also when too much is pending.
  std::size_t room() const {
    // One segment is kept for the reserve.
    if (last_ + 1 >= kSegments || pending_ >= kHighWater_bytes) return 0;
    return used_ >= kPayload_bytes ? 0 : kPayload_bytes - used_;
  }
  // Payload capacity of an empty outbox.
  static constexpr std::size_t capacity() { return kPayload_bytes; }
  // Copies as much as there is room for; returns how much.
  std::size_t write(ConstBytes bytes) {
    const std::size_t n = std::min(bytes.size(), room());
    if (n == 0) return 0;
    copy_short(place(), bytes.data(), n);
    commit(n);
    return n;
  }
  // All or nothing, may use the reserve: control frames, error answers. False: not even there.
  bool write_control(ConstBytes bytes);
  // `n` writable bytes in place (empty span: no room); commit() says how many were used. One at a
  // time.
  Bytes prepare(std::size_t n) {
    if (n > room()) return {};
    return {place(), n};
  }
  void commit(std::size_t n) {
    if (!joins_) {
      begin_segment(n);
      return;
    }
    used_ += n;
    pending_ += n;
    segment(last_ - 1).size += n;
  }
  // Sends `bytes` from where they are. False when no segment is left or too much is pending
  // (nothing is taken, the hold is released).
  bool refer(ConstBytes bytes, Hold hold);
  // How many more pieces (writes that do not join, referred bytes) fit before a flush; the
  // reserve's not counted.
  std::size_t segments_left() const { return last_ + 1 < kSegments ? kSegments - 1 - last_ : 0; }
  // What follows belongs to another send call.
  void boundary();
  // Everything pending is sent under TCP_CORK (several send calls, whole segments on the wire).
  void cork() { corked_ = !empty(); }
  bool takes_files() const { return takes_files_; }
  // As refer(), for a file; only where takes_files().
  bool file(FileRange range, Hold hold);

  // --- for the driver ---

  bool empty() const { return first_ == last_; }
  std::size_t pending() const { return pending_; }
  bool corked() const { return corked_; }
  // The parts of the next send call, at most parts.size(): up to a boundary or a file. 0: a file is
  // next, or empty.
  std::size_t gather(std::span<ConstBytes> parts) const;
  // Is another send call after the gathered one already here?
  bool more_than(std::size_t gathered_parts) const { return first_ + gathered_parts < last_; }
  // Is a file what follows the gathered parts, in no send call of its own?
  bool file_follows(std::size_t gathered_parts) const {
    const std::size_t next = first_ + gathered_parts;
    return next < last_ && segment(next).data == nullptr &&
           !(gathered_parts > 0 && segment(next - 1).boundary);
  }
  // Since it was last empty, a file was among what was to be sent.
  bool has_file() const { return has_file_; }
  // The file that is next, nullptr when bytes are.
  const FileRange* next_file() const;
  // `n` bytes went to the kernel, from the front.
  void sent(std::size_t n);
  void clear();

 private:
  struct Segment {
    const std::byte* data = nullptr;  // nullptr: file
    std::size_t size = 0;
    FileRange range;
    Hold hold;
    bool boundary = false;
  };

  // A block of the pool holds the segments, then the written bytes. It is taken with the first
  // write and given back as soon as everything has been sent.
  static constexpr std::size_t kHead_bytes = kSegments * sizeof(Segment);
  static constexpr std::size_t kData_bytes = BlockPool::kBlock_bytes - kHead_bytes;
  static constexpr std::size_t kPayload_bytes = kData_bytes - kReserve_bytes;

  Segment& segment(std::size_t index) const {
    return *(std::launder(reinterpret_cast<Segment*>(block_)) + index);
  }
  // Where what is written next goes.
  std::byte* place() {
    if (block_ == nullptr) block_ = pool_->take();
    return block_ + kHead_bytes + used_;
  }
  void begin_segment(std::size_t n);
  bool push(Segment segment);
  bool push_apart(Segment segment);
  void release();

  BlockPool* pool_;
  std::byte* block_ = nullptr;  // segments, then bytes
  std::size_t used_ = 0;        // of the block's bytes
  std::size_t pending_ = 0;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
  bool joins_ = false;  // what is written next continues the last segment
  bool corked_ = false;
  bool has_file_ = false;
  bool takes_files_;
};

}  // namespace zyphos
