#include "link/path.h"

#include <algorithm>
#include <cstring>

#include "link/ecn.h"

namespace zyphos::link {

// The members take their generators in the order in which they are declared.
Path::Path(const PathOptions& options, PacketPool& pool, Tally tally, Random random, Time start)
    : pool_(pool),
      tally_(tally),
      mtu_(options.mtu),
      keep_order_(options.keep_order),
      ecn_(options.ecn),
      duplicate_(options.duplicate),
      loss_(options, random.split()),
      duplicates_(random.split()),
      reorder_(options, random.split()),
      delay_(options, random.split()),
      corrupt_(options.corrupt, random.split()),
      queue_(options),
      line_(options, start),
      decides_on_arrival_(options.aqm == Aqm::pie || options.aqm == Aqm::red),
      delay_ns_least_(options.jitter_ns > 0 || options.reorder > 0 ? 0 : options.delay_ns) {
  // Below it a whole packet may always wait (RFC 8289, 5.3).
  const std::uint32_t packet_bytes_max = mtu_ == 0 ? kOpportunity_bytes : mtu_;
  if (options.aqm == Aqm::codel) codel_.emplace(options, packet_bytes_max);
  if (options.aqm == Aqm::pie) pie_.emplace(options, packet_bytes_max, start, random.split());
  if (options.aqm == Aqm::red) red_.emplace(options, start, random.split());
}

Path::~Path() {
  while (!queue_.empty()) pool_.give(queue_.pop());
  while (under_way_.front() != nullptr) pool_.give(under_way_.pop());
}

void Path::admit(Packet* packet, Time now) {
  packet->arrived = now;
  packet->number = ++number_;
  tally_.add(LinkCounter::packets);
  tally_.add(LinkCounter::bytes, packet->length);
  if (mtu_ != 0 && packet->length > mtu_) {
    drop(packet, LinkCounter::dropped_oversize);
    return;
  }
  if (loss_.loses(packet->number) && !marked(*packet)) {
    drop(packet, LinkCounter::dropped_loss);
    return;
  }
  Packet* copy = duplicate_ > 0 && duplicates_.unit() <= duplicate_ ? copy_of(*packet) : nullptr;
  if (corrupt_.flips(packet->bytes())) tally_.add(LinkCounter::corrupted);
  serve(now);
  packet->passes = reorder_.passes();
  enter(packet, now);
  if (copy != nullptr) enter(copy, now);
}

void Path::refuse(std::size_t length) {
  ++number_;
  tally_.add(LinkCounter::packets);
  tally_.add(LinkCounter::bytes, length);
  tally_.add(LinkCounter::dropped_memory);
}

Packet* Path::copy_of(Packet& packet) {
  tally_.add(LinkCounter::duplicated);
  Packet* copy = pool_.take();
  if (copy == nullptr) {
    tally_.add(LinkCounter::dropped_memory);
    return nullptr;
  }
  *copy = packet;
  std::memcpy(copy->data(), packet.data(), packet.length);
  return copy;
}

// What the line takes at once never waits, whatever the queue's bound.
void Path::enter(Packet* packet, Time now) {
  if (decides_on_arrival_ && refuses(*packet, now)) {
    drop(packet, LinkCounter::dropped_aqm);
  } else if (at_once(now)) {
    if (codel_) codel_->passed();
    send(packet, now);
  } else if (queue_.has_room(packet->length)) {
    queue_.push(packet);
  } else {
    drop(packet, LinkCounter::dropped_queue);
  }
}

bool Path::at_once(Time now) const { return queue_.empty() && line_.begins(now) <= now; }

bool Path::refuses(Packet& packet, Time now) {
  const Verdict verdict = pie_ ? pie_->arrives(queue_, now) : red_->arrives(queue_, now);
  const bool lacks_room = !at_once(now) && !queue_.has_room(packet.length);
  if (verdict == Verdict::waits || lacks_room) return false;
  return verdict == Verdict::dropped || !marked(packet);
}

// What has begun to be sent by `now` leaves the queue.
void Path::serve(Time now) {
  while (!queue_.empty()) {
    const Time begin = line_.begins(queue_.front()->arrived);
    if (begin > now) return;
    Packet* packet = take(begin);
    if (packet == nullptr) continue;
    tally_.add(LinkCounter::queued_ns, static_cast<std::uint64_t>(begin - packet->arrived));
    send(packet, begin);
  }
}

Packet* Path::take(Time begin) {
  if (codel_) {
    return codel_->take(queue_, begin, [this](Packet* packet) { return refuse_by_aqm(packet); });
  }
  Packet* packet = queue_.pop();
  if (pie_) pie_->leaves(*packet, queue_, begin);
  if (red_) red_->leaves(queue_, begin);
  return packet;
}

Refusal Path::refuse_by_aqm(Packet* packet) {
  if (marked(*packet)) return Refusal::marked;
  drop(packet, LinkCounter::dropped_aqm);
  return Refusal::dropped;
}

bool Path::marked(Packet& packet) {
  if (!ecn_ || !mark_congestion(packet.bytes())) return false;
  tally_.add(LinkCounter::ce_marked);
  return true;
}

void Path::send(Packet* packet, Time begin) {
  const Time sent = line_.send(packet->length, begin);
  if (packet->passes) {
    tally_.add(LinkCounter::reordered);
    under_way_.push(packet, sent);
    return;
  }
  Time due = sent + delay_.draw_ns();
  if (keep_order_) due = std::max(due, last_due_);
  last_due_ = std::max(last_due_, due);
  under_way_.push(packet, due);
}

Time Path::next() const {
  const Packet* first = under_way_.front();
  const Time due = first == nullptr ? Time::never() : first->due;
  if (queue_.empty()) return due;
  return std::min(due, line_.begins(queue_.front()->arrived) + delay_ns_least_);
}

Packet* Path::depart(Time now) {
  serve(now);
  Packet* first = under_way_.front();
  if (first == nullptr || first->due > now) return nullptr;
  if (first->number < number_out_) tally_.add(LinkCounter::out_of_order);
  number_out_ = std::max(number_out_, first->number);
  return under_way_.pop();
}

void Path::drop(Packet* packet, LinkCounter why) {
  tally_.add(why);
  pool_.give(packet);
}

}  // namespace zyphos::link
