// Engine prefork: worker processes, each with one loop of epoll on its only thread (by level unless
// options.readiness.trigger says otherwise), under a supervisor, which is a process of its own too.
//
// Why a supervisor beside the owner: workers are made by fork without exec, since the factory of
// their connections is a function of the owner's, which no other program could be given. A fork
// copies the calling thread only, and every lock as it stands: harmless where there are no other
// threads, and so nowhere else. The owner may have threads (a test's clients, Python's, a clock),
// and workers are started again and again while it runs. Hence start() forks once, the supervisor,
// which has one thread for ever, and only that forks workers. What is left of the condition: when
// start() is called, no other thread of the owner may hold a lock that the factory takes. (malloc's
// own survive a fork.) ThreadSanitizer asks for no more: it objects to threads that are started
// after a fork, and no worker starts any, unless its application does.
//
// What the factory refers to is a copy in each worker: nothing that it changes is seen by another
// or by the owner, but for the Board and what lies in memory that was mapped as shared before. A
// thread that was started before start() does not exist in a worker.
//
// Who ends with whom: a worker gets SIGKILL when the supervisor ends (PR_SET_PDEATHSIG, and a look
// at its parent for the moment before); the supervisor ends when the owner does, whichever of its
// threads called start() (a pidfd). So nothing is left, whoever is killed.
//
// What waits to be accepted belongs to a place, not to a process: listeners, and the sockets over
// which connections are passed, stay open in the supervisor and are inherited by who comes next in
// that place. A worker that is killed loses what it had accepted and not a connection more; one
// that is replaced loses none, also with SO_REUSEPORT, where the kernel resets what waits at a
// listener that is closed for good.
//
// NUMA: a worker is pinned before it has memory of its own, which the kernel then takes from that
// CPU's node when it is first touched; what is shared (board, scoreboard) is the owner's node's. No
// more is done: on a machine with one node there would be nothing to measure.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/scoreboard.h"

namespace zyphos {

std::unique_ptr<Engine> make_prefork_engine(const EngineOptions& options, ConnectionFactory factory,
                                            Board& board);

// Of an engine prefork that runs; none of any other.
std::vector<WorkerStatus> workers_of(const Engine& engine);
// Its supervisor's process; 0 of any other engine.
pid_t supervisor_of(const Engine& engine);

}  // namespace zyphos
