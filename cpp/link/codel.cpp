#include "link/codel.h"

#include <cmath>

namespace zyphos::link {

Packet* Codel::next(Queue& queue, Time now) {
  ok_to_drop_ = false;
  if (queue.empty()) {
    above_since_ = {};
    return nullptr;
  }
  Packet* packet = queue.pop();
  if (now - packet->arrived < target_ns_ || queue.bytes() <= packet_bytes_max_) {
    above_since_ = {};
  } else if (above_since_ == Time{}) {
    above_since_ = now + interval_ns_;
  } else {
    ok_to_drop_ = now >= above_since_;
  }
  return packet;
}

// RFC 8289, 5.5: when dropping began again soon after, go on at the pace that had been needed.
void Codel::begin_dropping(Time now) {
  dropping_ = true;
  const std::uint32_t delta = count_ - last_count_;
  count_ = delta > 1 && now - drop_next_ < 16 * interval_ns_ ? delta : 1;
  drop_next_ = now + step_ns(count_);
  last_count_ = count_;
}

std::int64_t Codel::step_ns(std::uint32_t count) const {
  return std::llround(static_cast<double>(interval_ns_) / std::sqrt(count));
}

}  // namespace zyphos::link
