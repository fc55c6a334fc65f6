// Path: one direction of the link, as a model in virtual time: no I/O, no clock. A packet goes
// through, in this order:
//
//   size -> loss -> duplicate -> corrupt -> queue -> line -> delay (or past it: reorder) -> out
//
// Loss comes first, so what is lost takes no room and no time of the line; a copy follows its
// original, whole, without draws of its own but its delay. Each law draws from a generator of its
// own, split from the seed in a fixed order: switching one on changes no other's draws.
//
// Thread safety: none. Deterministic: the same seed, packets and times give the same result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/random.h"
#include "base/time.h"
#include "link/codel.h"
#include "link/corrupt.h"
#include "link/counters.h"
#include "link/delay.h"
#include "link/delay_line.h"
#include "link/line.h"
#include "link/loss.h"
#include "link/options.h"
#include "link/packet.h"
#include "link/pie.h"
#include "link/queue.h"
#include "link/red.h"
#include "link/reorder.h"
#include "link/verdict.h"

namespace zyphos::link {

class Path {
 public:
  // `pool` outlives it. `options` as complaint() lets pass. `start`: of a trace.
  Path(const PathOptions& options, PacketPool& pool, Tally tally, Random random, Time start = {});
  ~Path();
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  // Takes a packet of the pool, of which data() and length are set. `now` never goes back. O(1);
  // O(log overtaking) where delays differ.
  void admit(Packet* packet, Time now);
  // A packet for which the pool had no room: it is counted, and gone.
  void refuse(std::size_t length);
  // When depart() is to be called next: never later than the earliest departure, possibly earlier.
  // never() when nothing is held. Changes with admit() and depart().
  Time next() const;
  // The next packet that is due at `now` (the caller gives it back to the pool), or none. `now`
  // never goes back.
  Packet* depart(Time now);

 private:
  void enter(Packet* packet, Time now);
  void serve(Time now);
  Packet* take(Time begin);
  // Need it not wait for the line?
  bool at_once(Time now) const;
  // Does the AQM that decides on arrival take it away? It may mark it instead.
  bool refuses(Packet& packet, Time now);
  Refusal refuse_by_aqm(Packet* packet);
  // Instead of being dropped.
  bool marked(Packet& packet);
  void send(Packet* packet, Time begin);
  void drop(Packet* packet, LinkCounter why);
  Packet* copy_of(Packet& packet);

  PacketPool& pool_;
  Tally tally_;
  std::uint32_t mtu_;
  bool keep_order_;
  bool ecn_;
  double duplicate_;
  Loss loss_;
  Random duplicates_;
  Reorder reorder_;
  Delay delay_;
  Corrupt corrupt_;
  Queue queue_;
  std::optional<Codel> codel_;
  Line line_;
  DelayLine under_way_;
  bool decides_on_arrival_;
  std::int64_t delay_ns_least_;
  std::uint64_t number_ = 0;      // of the latest packet
  std::uint64_t number_out_ = 0;  // the greatest that left
  Time last_due_{};               // of what was not let pass
  std::optional<Pie> pie_;
  std::optional<Red> red_;
};

}  // namespace zyphos::link
