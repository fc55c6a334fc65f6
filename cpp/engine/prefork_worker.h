// PreforkWorker: what a worker process does. It has come from the supervisor by fork, has one
// thread, and on it one loop of readiness.
#pragma once

#include "engine/loop.h"
#include "engine/scoreboard.h"

namespace zyphos {

// What a worker gets from its parent; the references are to the parent's memory, of which it has a
// copy, and to memory that both share.
struct WorkerSetup {
  const EngineOptions& options;
  const ConnectionFactory& factory;
  Scoreboard& scoreboard;
  unsigned cell;
  pid_t parent;
  Fd door;                           // a listener, or where connections are passed
  std::shared_ptr<Mailbox> mailbox;  // made by the parent, which writes to its event
  int bell;                          // an eventfd: the parent looks at the scoreboard
  int complaints;                    // a pipe: why it could not start, as text
  Random random;
};

// Serves until it is told to leave or to drain. The process's exit code.
int run_worker(WorkerSetup setup);

}  // namespace zyphos
