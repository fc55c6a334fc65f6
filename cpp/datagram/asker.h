// The load: sends numbered datagrams, no more than so many without an answer, and says what became
// of them through a warm-up and a measured window. One thread. Order of calls: try_out(), start(),
// run().
//
// A datagram is a request (load/recorder.h): due when it is sent (closed), or at its place in the
// schedule (constant rate), done when its answer is there, lost (wire_timeout) when that has not
// come by the deadline, or 65,536 have been sent since. What was due and never sent is censored. An
// answer that comes twice or later is counted as unexpected_data, one that is not what was sent as
// wrong_body. What it sent and received in all stands on the board, beside the server's: so loss is
// counted on both sides.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/counters.h"
#include "datagram/mail.h"
#include "datagram/options.h"
#include "load/fit.h"
#include "load/result.h"
#include "load/window.h"

namespace zyphos::datagram {

class Asker {
 public:
  // `stop_fd`: readable when it is to end early. `counters` outlives it. std::system_error.
  Asker(const AskOptions& options, int stop_fd, Counters& counters);

  // One datagram there and back, several times if it has to be. std::runtime_error where there is
  // no answer.
  void try_out();
  // The window, which begins 25 ms from now at the earliest.
  Window start();
  // Until the window has ended, and all answers are there or lost. Empty where it was interrupted.
  std::optional<LoadResult> run();

 private:
  // One that was sent, and has not ended while it is open.
  struct Slot {
    Time scheduled{};
    Time sent{};
    bool open = false;
  };
  // What the thread has used, at an edge of the window.
  struct Used {
    std::int64_t cpu_ns;
    std::int64_t spin_ns;
    std::optional<std::int64_t> run_delay_ns;
  };

  // Sends and receives until `end`; or, without sending, until nothing is open.
  void drive(Time end, bool sends);
  bool is_due_until(Time now) const;
  std::size_t allowed(Time now) const;
  bool send(std::size_t count, Time now);
  bool receive();
  void answered(ConstBytes datagram, Time now);
  void stray(Errc error);
  void expire(Time now);
  void lose(Time now);
  void give_up(Time now);
  void close(Slot& slot, Time now);
  void wait(Time now, Time end, bool sends);
  Time awaited(Time end, bool sends) const;
  Time scheduled(std::uint64_t number) const;
  Slot& slot(std::uint64_t number) { return slots_[number % slots_.size()]; }
  const Slot& slot(std::uint64_t number) const { return slots_[number % slots_.size()]; }
  Used used() const;
  LoadResult result(const Used& before, const Used& after) const;

  AskOptions options_;
  int stop_fd_;
  Counters& counters_;
  std::unique_ptr<Mail> mail_;
  const std::uint64_t run_id_;
  ArrivalOptions arrival_;
  std::vector<Slot> slots_;   // by number
  std::uint64_t next_ = 0;    // to be sent
  std::uint64_t oldest_ = 0;  // before it all have ended
  std::uint64_t open_ = 0;    // sent and not ended
  Time origin_{};             // of the schedule
  std::uint64_t dealt_ = 0;   // the number that is due at the origin
  Window window_{Time::never(), Time::never()};
  Recorder recorder_;
  InFlight in_flight_;
  Fit fit_;
  std::array<std::uint64_t, kErrcCount> strays_{};
  std::int64_t spin_ns_ = 0;
  unsigned idle_ = 0;  // turns in a row in which there was nothing to do
  bool interrupted_ = false;
};

}  // namespace zyphos::datagram
