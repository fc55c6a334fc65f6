// CoDel: drops at the queue's head when packets have waited longer than `target` for an `interval`,
// ever faster until they no longer do (RFC 8289, 5, of which this is the pseudo-code). Time is an
// argument. Packets that can be marked (link/ecn.h) are marked where they would be dropped.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "link/options.h"
#include "link/packet.h"
#include "link/queue.h"

namespace zyphos::link {

enum class Refusal : std::uint8_t { dropped, marked };

class Codel {
 public:
  Codel(const PathOptions& options, std::uint32_t packet_bytes_max)
      : target_ns_(options.codel_target_ns),
        interval_ns_(options.codel_interval_ns),
        packet_bytes_max_(packet_bytes_max) {}

  // The packet to send at `now`, or none when all that waited was dropped. `refuse(packet)` marks
  // it and says so, or takes it away.
  template <class Refuse>
  Packet* take(Queue& queue, Time now, Refuse refuse) {
    Packet* packet = next(queue, now);
    if (dropping_) return go_on(packet, queue, now, refuse);
    if (ok_to_drop_) {
      if (refuse(packet) == Refusal::dropped) packet = next(queue, now);
      begin_dropping(now);
    }
    return packet;
  }
  // A packet found the line free: nothing waits.
  void passed() {
    above_since_ = {};
    dropping_ = false;
  }

 private:
  template <class Refuse>
  Packet* go_on(Packet* packet, Queue& queue, Time now, Refuse refuse) {
    dropping_ = ok_to_drop_;
    while (dropping_ && now >= drop_next_) {
      ++count_;
      if (refuse(packet) == Refusal::marked) {
        drop_next_ = drop_next_ + step_ns(count_);
        break;
      }
      packet = next(queue, now);
      dropping_ = ok_to_drop_;
      if (dropping_) drop_next_ = drop_next_ + step_ns(count_);
    }
    return packet;
  }
  // RFC 8289, 5.6: dodequeue().
  Packet* next(Queue& queue, Time now);
  void begin_dropping(Time now);
  std::int64_t step_ns(std::uint32_t count) const;

  std::int64_t target_ns_;
  std::int64_t interval_ns_;
  std::uint32_t packet_bytes_max_;
  Time above_since_{};  // when the target will have been missed for an interval; {}: it is not
  Time drop_next_{};
  std::uint32_t count_ = 0;       // drops since dropping began
  std::uint32_t last_count_ = 0;  // of the time before
  bool dropping_ = false;
  bool ok_to_drop_ = false;
};

}  // namespace zyphos::link
