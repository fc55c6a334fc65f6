// Schedule: when each request's answer is to leave, or that none will: the known law, stall, rate
// and loss. Pure and seeded: time comes in, so that it is proved without a server.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "reference/options.h"

namespace zyphos::reference {

struct Fate {
  Time due;
  bool lost = false;
};

// A stall from `start` to `end`: no answer leaves in it.
struct Stall {
  Time start;
  Time end;
};

class Schedule {
 public:
  explicit Schedule(const Options& options);

  // Of a request that came at `received`; calls are in that order. Due times are the answers' own:
  // what is lost takes no place under the rate.
  Fate next(Time received);
  // One more stall, beside those of the options. Answers whose due time was said already keep it:
  // whoever sends asks free_at() again.
  void add_stall(Stall stall) { stalls_.push_back(stall); }
  // `due`, or the end of the stall that it falls into.
  Time free_at(Time due) const;

 private:
  std::int64_t delay_ns();
  Time own_stall_end(Time due) const;

  DelayOptions delay_;
  StallOptions stall_;
  double loss_;
  double period_ns_;  // of the rate; 0: none
  Random random_;
  Time first_ = Time::never();
  double next_slot_ns_ = 0.0;  // from first_ on
  std::vector<Stall> stalls_;
};

}  // namespace zyphos::reference
