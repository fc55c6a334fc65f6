#include "link/packet.h"

#include <algorithm>
#include <new>
#include <vector>

namespace zyphos::link {

void PacketList::push(Packet* packet) {
  packet->next = nullptr;
  (tail_ == nullptr ? head_ : tail_->next) = packet;
  tail_ = packet;
}

Packet* PacketList::pop() {
  Packet* packet = head_;
  head_ = packet->next;
  if (head_ == nullptr) tail_ = nullptr;
  return packet;
}

Packet* PacketPool::take() {
  if (blocks_.out() >= packets_max_) return nullptr;
  return ::new (blocks_.take()) Packet;
}

void PacketPool::give(Packet* packet) { blocks_.give(reinterpret_cast<std::byte*>(packet)); }

void PacketPool::prepare(std::size_t packets) {
  std::vector<Packet*> taken(std::min(packets, packets_max_ - blocks_.out()));
  for (Packet*& packet : taken) {
    packet = take();
    std::fill_n(packet->data(), length_max_, std::byte{0});
  }
  for (Packet* packet : taken) give(packet);
}

}  // namespace zyphos::link
