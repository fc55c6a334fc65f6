// What the emulator counts, for each direction, on a board that others read while it changes.
//
// Thread safety: as base/counters.h: one writer, readers anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/counters.h"

namespace zyphos::link {

// name, meaning. packets + duplicated = delivered_packets + write_failed + all dropped_... + held.
#define ZYPHOS_LINK_COUNTERS(X)                                                   \
  X(packets, "read from the sender's end")                                        \
  X(bytes, "of those, IP headers included")                                       \
  X(delivered_packets, "written to the receiver's end")                           \
  X(delivered_bytes, "of those")                                                  \
  X(dropped_loss, "by the loss law")                                              \
  X(dropped_queue, "the queue before the rate was full")                          \
  X(dropped_aqm, "by the queue's active management")                              \
  X(queued_ns, "waited for the rate, all packets together")                       \
  X(dropped_oversize, "larger than the path's MTU")                               \
  X(dropped_memory, "the emulator held all packets that it may hold")             \
  X(duplicated, "copies that were added")                                         \
  X(corrupted, "of which a bit was flipped")                                      \
  X(ce_marked, "marked \"congestion experienced\" instead of dropped")            \
  X(reordered, "let pass the delay by the reorder law")                           \
  X(out_of_order, "delivered after one that had been sent later (RFC 4737, 3.3)") \
  X(write_failed, "the receiver's end took it not (not up, or not an IP packet)")

enum class LinkCounter : std::uint8_t {
#define X(name, text) name,
  ZYPHOS_LINK_COUNTERS(X)
#undef X
};

#define X(name, text) +1
inline constexpr std::size_t kLinkCounterCount = 0 ZYPHOS_LINK_COUNTERS(X);
#undef X

// Forward is left to right: from the client's end to the server's.
enum class Direction : std::uint8_t { forward, backward };

std::string_view direction_name(Direction direction);

class LinkCounters : public CounterArray<2 * kLinkCounterCount> {
 public:
  // Name of a position: "forward_packets", ..., "backward_packets", ...
  static std::string_view name(std::size_t index);

  static constexpr std::size_t position(Direction direction, LinkCounter counter) {
    return static_cast<std::size_t>(direction) * kLinkCounterCount +
           static_cast<std::size_t>(counter);
  }
  std::uint64_t value(Direction direction, LinkCounter counter) const {
    return at(position(direction, counter));
  }
};

// One direction's counters.
class Tally {
 public:
  Tally(LinkCounters& counters, Direction direction)
      : counters_(&counters), direction_(direction) {}

  void add(LinkCounter counter, std::uint64_t n = 1) {
    counters_->bump(LinkCounters::position(direction_, counter), n);
  }
  std::uint64_t value(LinkCounter counter) const { return counters_->value(direction_, counter); }

 private:
  LinkCounters* counters_;
  Direction direction_;
};

}  // namespace zyphos::link
