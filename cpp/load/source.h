// Source: what to send next, when it was due, and on which connection. One per thread; the closed,
// the open and the partly open laws differ here and nowhere else. It does no I/O and reads no
// clock, so that it runs in virtual time.
//
// An open source never drops an arrival: while no connection has a free place, arrivals wait (as
// the schedule's next element: the backlog takes no memory), and their time keeps running from when
// they were due. Not thread-safe. Allocates nothing in steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "load/arrivals.h"
#include "load/options.h"
#include "load/window.h"

namespace zyphos {

struct Ticket {
  Time scheduled;
  std::uint32_t channel = 0;  // which connection
  bool opens_session = true;  // false: a later request of a session
};

// What a source that decides about connections itself wants of one.
struct Order {
  enum class Kind : std::uint8_t {
    dial,   // joined() when it stands; lost() when it may be dialed again
    check,  // whether it still stands: sound() or lost()
    close,
  };

  Kind kind = Kind::dial;
  std::uint32_t channel = 0;
};

class Source {
 public:
  virtual ~Source() = default;

  // Nothing is scheduled before `start`, nothing at or after the window's end. Once, before the
  // first peek().
  virtual void run(Time start, Window window) = 0;
  // Stops early: the end becomes the smaller of both.
  virtual void stop(Time end) = 0;

  // A connection is established: all its places are free.
  virtual void joined(std::uint32_t channel, Time now) = 0;
  // One of its requests has ended. Nothing happens when the connection is lost by now.
  virtual void freed(std::uint32_t channel, Time now) = 0;
  // It takes no more requests until it joins again.
  virtual void lost(std::uint32_t channel) = 0;

  // The next request that is due by `now` and has a place; false: none. take() makes it the
  // caller's.
  virtual bool peek(Time now, Ticket& ticket) = 0;
  virtual void take() = 0;
  // When the next peek() may succeed if nothing else happens; never() when only a free place or
  // nothing can help.
  virtual Time due() const = 0;
  // An arrival before `end` that has not been taken: its time, and it counts as taken. False: there
  // is none.
  virtual bool backlog(Time& scheduled) = 0;
  virtual bool has_backlog() const = 0;

  // Of a pool (pooled_source.h); the other sources take the connections that there are. After
  // peek(): what is to be done with connections, until it says false.
  virtual bool order(Order&) { return false; }
  virtual void sound(std::uint32_t) {}
  // An arrival that found no room to wait; false: none.
  virtual bool refused(Time&) { return false; }
};

// `channels` connections with options.pipeline places each.
std::unique_ptr<Source> make_source(const LoadOptions& options, std::uint32_t channels,
                                    unsigned thread, const Random& random);

}  // namespace zyphos
