// The supervisor of engine prefork's workers: a process with one thread, forked from the owner
// (why: prefork_engine.h). It starts workers, restarts those that end unasked, replaces those that
// are tired or all of them, passes connections on where that is how they come, and drains.
//
// What it says to the owner and hears of it are messages on `control`; what it says to workers is
// their cell's order, and a write to their mailbox's event.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/engine.h"
#include "engine/scoreboard.h"
#include "net/fd.h"

namespace zyphos {

// From the owner.
inline constexpr char kDrain = 'd';
inline constexpr char kReload = 'r';
// To the owner: every worker serves. Anything longer: why they do not, as text.
inline constexpr char kReady = '+';
inline constexpr std::size_t kComplaint_bytes = 512;

struct SupervisorSetup {
  const EngineOptions& options;
  const ConnectionFactory& factory;
  Scoreboard& scoreboard;
  Counters& counters;  // its own
  std::vector<Fd> listeners;
  Fd control;
  pid_t owner;
};

// Until drained, or until the owner has ended. The process's exit code; never throws.
int supervise(SupervisorSetup setup);

}  // namespace zyphos
