// A packet on its way through the link, and the memory it lies in. Knows nothing of what the bytes
// mean.
//
// Thread safety: none, one pool per emulator. Cost: take and give are O(1) and never allocate below
// the largest number held so far.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"
#include "memory/block_pool.h"

namespace zyphos::link {

// The bytes lie behind it in the same block.
struct Packet {
  Packet* next = nullptr;    // of the list that holds it
  Time arrived{};            // when it was read
  Time due{};                // when it is to be written
  std::uint64_t number = 0;  // of its direction, from 1; a copy has its original's
  std::uint64_t order = 0;   // of entry into the delay line: what is due at once leaves in order
  std::uint32_t length = 0;  // bytes of the IP packet
  bool passes = false;       // the delay, by the reorder law

  std::byte* data() { return reinterpret_cast<std::byte*>(this + 1); }
  Bytes bytes() { return {data(), length}; }
};

// First in, first out; the packets are linked by their own `next`.
class PacketList {
 public:
  bool empty() const { return head_ == nullptr; }
  Packet* front() const { return head_; }
  Packet* back() const { return tail_; }
  void push(Packet* packet);
  Packet* pop();

 private:
  Packet* head_ = nullptr;
  Packet* tail_ = nullptr;
};

class PacketPool {
 public:
  // Packets of at most `length_max` bytes, at most `packets_max` of them at a time.
  PacketPool(std::size_t length_max, std::size_t packets_max)
      : blocks_(sizeof(Packet) + length_max), length_max_(length_max), packets_max_(packets_max) {}

  // None when packets_max are held.
  Packet* take();
  void give(Packet* packet);
  // Makes and touches `packets`, so that taking so many costs no page fault later.
  void prepare(std::size_t packets);

  std::size_t length_max() const { return length_max_; }
  std::size_t held() const { return blocks_.out(); }

 private:
  BlockPool blocks_;
  std::size_t length_max_;
  std::size_t packets_max_;
};

}  // namespace zyphos::link
