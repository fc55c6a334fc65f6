// The queue before the line: drop-tail, with a bound in packets and one in bytes. The packet that
// is being sent no longer waits and does not count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "link/options.h"
#include "link/packet.h"

namespace zyphos::link {

class Queue {
 public:
  explicit Queue(const PathOptions& options)
      : packets_max_(options.queue_packets.value_or(kNoLimit)),
        bytes_max_(options.queue_bytes.value_or(kNoLimit)) {}

  bool empty() const { return list_.empty(); }
  const Packet* front() const { return list_.front(); }
  std::uint64_t packets() const { return packets_; }
  std::uint64_t bytes() const { return bytes_; }

  bool has_room(std::size_t bytes) const {
    return packets_ < packets_max_ && bytes_ + bytes <= bytes_max_;
  }
  void push(Packet* packet) {
    ++packets_;
    bytes_ += packet->length;
    list_.push(packet);
  }
  Packet* pop() {
    Packet* packet = list_.pop();
    --packets_;
    bytes_ -= packet->length;
    return packet;
  }

 private:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  PacketList list_;
  std::uint64_t packets_max_;
  std::uint64_t bytes_max_;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace zyphos::link
