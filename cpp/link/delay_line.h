// The packets under way, by the time they are due. Those that come in the order they are due (all
// of them, where the delay is constant) stand in a list; only those that overtake cost a heap.
//
// Invariants: (1) what leaves is never due before what left earlier of what was there; (2) packets
// due at the same time leave in the order they entered.
#pragma once

#include <cstdint>
#include <vector>

#include "link/packet.h"

namespace zyphos::link {

class DelayLine {
 public:
  DelayLine();

  // O(1), O(log overtaking) where it overtakes; allocates only when more overtake than ever before.
  void push(Packet* packet, Time due);
  // The earliest, or none.
  Packet* front() const;
  // Of a line that is not empty.
  Packet* pop();

 private:
  // Holds what is compared, so that the heap's work stays in its own few cache lines.
  struct Entry {
    Time due;
    std::uint64_t order;
    Packet* packet;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.due != b.due ? a.due > b.due : a.order > b.order;
  }
  // Does the heap's first leave before the list's?
  bool overtakes() const;

  PacketList in_order_;
  std::vector<Entry> overtaking_;  // a heap
  std::uint64_t entered_ = 0;
};

}  // namespace zyphos::link
