// Engine prefork's own options: how many processes, how they come by connections, when one is
// replaced. Plain data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace zyphos {

struct EngineOptions;

// How a connection reaches one of the workers.
enum class WorkerAccept : std::uint8_t {
  reuse_port,  // each has a listener: the kernel spreads connections over them (SO_REUSEPORT)
  inherited,   // all accept from one listener, which they have from their parent
  passed,      // their parent accepts, and passes the descriptors on (SCM_RIGHTS)
};

// By what the kernel chooses one of several SO_REUSEPORT listeners.
enum class Steer : std::uint8_t {
  hash,    // of addresses and ports, the kernel's own way
  cpu,     // on which the packet was received: worker (cpu mod workers)
  random,  // whichever, for each connection anew
};

// Each worker has a place and a spare one, for its successor.
inline constexpr unsigned kWorkersMax = 256;

struct PreforkOptions {
  unsigned workers = 2;
  // More than `workers`: the pool has up to so many while those there are busy, and fewer again.
  unsigned workers_max = 0;
  WorkerAccept accept = WorkerAccept::reuse_port;
  Steer steer = Steer::hash;
  std::uint64_t recycle_requests = 0;  // after so many a worker is replaced; 0: never
  // A worker that ends unasked before it has run for `stable_ns` is restarted after `backoff_ns`,
  // one that does so again after twice the time and so on, up to `backoff_ns_max`.
  std::int64_t backoff_ns = 10 * kMillisecond_ns;
  std::int64_t backoff_ns_max = 5 * kSecond_ns;
  std::int64_t stable_ns = kSecond_ns;
  // A worker that drains has aborted what was left after EngineOptions::drain_timeout_ns. One that
  // has not ended so long after that is killed.
  std::int64_t grace_ns = 5 * kSecond_ns;

  friend bool operator==(const PreforkOptions&, const PreforkOptions&) = default;
};

// Places for workers.
inline unsigned places_of(const PreforkOptions& options) {
  return std::max(options.workers, options.workers_max);
}

// What of these contradicts itself, or what another engine has no use for; empty: nothing.
std::string prefork_contradiction(const EngineOptions& options);

}  // namespace zyphos
