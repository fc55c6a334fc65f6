// Poller: what tells a loop which of its descriptors are ready. The loop (readiness_loop.h) is the
// same above epoll, poll and select; another way to be told is another Poller.
//
// Thread safety: none; each belongs to one loop.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "base/counters.h"
#include "engine/readiness_options.h"

namespace zyphos {

// What to look for. An end of the connection, or its failure, is told with either.
struct Watch {
  bool readable = false;
  bool writable = false;
  Trigger trigger = Trigger::level;
  bool exclusive = false;  // EPOLLEXCLUSIVE; such a watch cannot be changed

  bool any() const { return readable || writable; }
  friend bool operator==(const Watch&, const Watch&) = default;
};

struct Ready {
  std::uint64_t id = 0;
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  // FIN, reset or failure is behind the bytes; not every poller can tell
};

class Poller {
 public:
  virtual ~Poller() = default;

  // `id` is what wait() calls it. False, with errno, where the kernel has no room for it or it is
  // not below descriptors_end().
  virtual bool add(int fd, std::uint64_t id, const Watch& watch) = 0;
  // Looks for something else from now on, or for the same again after a oneshot.
  virtual void change(int fd, std::uint64_t id, const Watch& watch) = 0;
  // Nothing of it is told any more. It is still open.
  virtual void remove(int fd) = 0;
  // What is ready, until the next call; nothing after `timeout_ms` (-1: no limit) or a signal.
  virtual std::span<const Ready> wait(int timeout_ms) = 0;

  // Can it tell edges? Else every Trigger is level.
  virtual bool tells_edges() const { return false; }
  // Is a descriptor removed by closing the last one of its socket?
  virtual bool close_removes() const { return false; }
  // Only lower descriptors can be watched.
  virtual int descriptors_end() const { return std::numeric_limits<int>::max(); }
};

// std::system_error. The counters outlive it: it counts signals and its own calls.
std::unique_ptr<Poller> make_epoll_poller(Counters& counters);
std::unique_ptr<Poller> make_poll_poller(Counters& counters);
std::unique_ptr<Poller> make_select_poller(Counters& counters);

// The answer of a wait call: how many; 0, counted, after a signal. Else std::system_error.
int waited(int result, const char* call, Counters& counters);

}  // namespace zyphos
