#include "link/delay_line.h"

#include <algorithm>

namespace zyphos::link {

DelayLine::DelayLine() { overtaking_.reserve(4096); }

void DelayLine::push(Packet* packet, Time due) {
  packet->due = due;
  packet->order = ++entered_;
  if (in_order_.empty() || in_order_.back()->due <= due) {
    in_order_.push(packet);
    return;
  }
  overtaking_.push_back({due, packet->order, packet});
  std::ranges::push_heap(overtaking_, later);
}

bool DelayLine::overtakes() const {
  if (overtaking_.empty()) return false;
  const Packet* first = in_order_.front();
  return first == nullptr || later({first->due, first->order, nullptr}, overtaking_.front());
}

Packet* DelayLine::front() const {
  return overtakes() ? overtaking_.front().packet : in_order_.front();
}

Packet* DelayLine::pop() {
  if (!overtakes()) return in_order_.pop();
  std::ranges::pop_heap(overtaking_, later);
  Packet* packet = overtaking_.back().packet;
  overtaking_.pop_back();
  return packet;
}

}  // namespace zyphos::link
