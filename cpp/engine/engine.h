// Engine: drives connections on sockets - the whole driver (threads, sockets, buffers), not the
// backend of an event loop. Protocols come in through the factory; an engine knows none of them.
//
// Thread safety: start(), drain() and join() from one thread, the owner's; address() after start();
// snapshots of the board at any time from anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "engine/blocking_options.h"
#include "engine/leak.h"
#include "engine/prefork_options.h"
#include "engine/readiness_options.h"
#include "engine/uring_options.h"
#include "metrics/board.h"
#include "net/options.h"
#include "net/socket.h"
#include "protocol/connection.h"
#include "protocol/slot.h"

namespace zyphos {

// Called on the accepting thread, by several at once. A null connection: the peer is dropped.
using ConnectionFactory = std::function<std::unique_ptr<Connection>()>;

// What becomes of those who wait while no descriptor is left to accept them with (EMFILE, ENFILE).
enum class WhenFull : std::uint8_t {
  pause,   // they wait: accepting rests until a connection ends, or for a moment
  refuse,  // as well, but who waits is closed first, by a descriptor kept in reserve
  spin,    // accept is called again at once, as by a server that has not thought of it
};

struct EngineOptions {
  Address listen = Address::loopback(0);
  std::optional<bool> ipv6_only;  // net/socket.h has these two
  std::string device;
  int backlog = 4096;
  bool port_shared = false;  // other processes may listen on the port too (SO_REUSEPORT)
  // Loops, or threads of a pool; thread, sequential and prefork ignore it.
  unsigned threads = 1;
  std::vector<int>
      cpus;  // loop or worker i runs on cpus[i % size], connection threads on any; empty: anywhere
  SocketOptions socket;  // of every accepted connection (net/options.h)
  SlotLimits limits;
  // Beyond: accepting pauses. Several threads that accept may each let in one more. Of prefork:
  // each worker's.
  std::size_t connections_max = 100'000;
  WhenFull when_full = WhenFull::pause;
  std::int64_t drain_timeout_ns = 5 * kSecond_ns;
  bool application_wakes =
      false;  // the application calls Wakers (blocking engines must then wait on two things)
  bool blocking = true;  // a thread per connection waits in recv; else in poll, and recv never does
  BlockingOptions blocking_threads;  // of thread, pool and sequential
  ReadinessOptions readiness;        // of epoll, poll and select; its trigger of prefork
  PreforkOptions prefork;            // of engine prefork
  UringOptions uring;                // of engine uring
  LeakOptions leak;                  // none, but for hunts
  std::uint64_t seed = 1;
};

// How an engine of these options listens.
inline ListenOptions listening(const EngineOptions& options, bool reuse_port = false) {
  return {.backlog = options.backlog,
          .reuse_port = reuse_port || options.port_shared,
          .ipv6_only = options.ipv6_only,
          .device = options.device,
          .socket = options.socket};
}

class Engine {
 public:
  virtual ~Engine() = default;
  // Binds, listens and starts the threads. std::system_error says what was being done.
  virtual void start() = 0;
  // Where it listens (the real port where 0 was asked for).
  virtual Address address() const = 0;
  // Graceful: stops accepting, lets connections finish (Context::draining), aborts what is left
  // after the drain timeout. Returns at once; join() waits for the end.
  virtual void drain() = 0;
  virtual void join() = 0;
  // What serves is replaced by fresh copies of it, without a lost request, where the protocol can
  // tell its peer which answer is the last of a connection. Returns at once. False: this engine has
  // nothing to replace.
  virtual bool reload() { return false; }
  // Becomes readable when it has ended though nobody has asked; below 0: it never does. Nothing is
  // to be read.
  virtual int ended_fd() const { return -1; }
};

// "sequential", "thread", "pool", "select", "poll", "epoll", "coroutine", "uring", "prefork".
// Unknown name, or options that contradict themselves or that the engine has no use for:
// std::invalid_argument. What this machine or build cannot do: std::runtime_error with the reason.
// `board` outlives the engine.
std::unique_ptr<Engine> make_engine(std::string_view name, const EngineOptions& options,
                                    ConnectionFactory factory, Board& board);

struct EngineAbility {
  std::string name;
  std::string missing;  // why it can't run here; empty: it can
};
// With their defaults.
std::vector<EngineAbility> engine_abilities();

}  // namespace zyphos
