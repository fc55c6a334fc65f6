// WorkerPassing: the supervisor accepts, and passes each connection on to a worker over the socket
// of its place. It keeps both ends of those sockets, so that what a worker has not taken is taken
// by the next one in its place.
//
// Thread safety: none, the supervisor's only thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "engine/engine.h"
#include "engine/reserve.h"
#include "engine/scoreboard.h"
#include "net/fd.h"

namespace zyphos {

class WorkerPassing {
 public:
  // std::system_error.
  WorkerPassing(Fd listener, const EngineOptions& options, Scoreboard& scoreboard,
                Counters& counters);

  // Accepts as many as there are and passes them on, each to a place that serves: in turn, or to
  // one with the fewest connections.
  void pass_on(Time now);
  // What was passed to a place in which nobody serves any more goes to the others.
  void take_back(unsigned place, Time now);
  // The listener, where it is to be watched now; else -1.
  int watched() const { return resume_.is_never() ? listener_.get() : -1; }
  // When pass_on() is to be called though nobody has come.
  Time resume() const { return resume_; }
  // Nobody is accepted after those who wait now.
  void close(Time now);
  // In a worker's process: its end of the socket.
  Fd take_end(unsigned place) { return std::move(channels_[place][1]); }

 private:
  bool hand_out(int fd);
  bool accept_failed(int error, Time now);
  std::uint64_t load(unsigned place) const;
  bool serves(unsigned place) const;
  void rest(Time now, std::int64_t duration_ns) { resume_ = now + duration_ns; }

  Fd listener_;
  const EngineOptions& options_;
  Scoreboard& scoreboard_;
  Counters& counters_;
  Reserve reserve_;
  std::vector<std::array<Fd, 2>> channels_;  // by place: the supervisor's end, its workers'
  std::vector<std::uint64_t> passed_;        // by place
  Fd held_;                                  // accepted, and nobody had room for it
  unsigned next_ = 0;
  Time resume_ = Time::never();
};

}  // namespace zyphos
