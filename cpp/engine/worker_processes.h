// WorkerProcesses: the supervisor's side of each cell's process: forks it, gives it orders, waits
// for its end and makes its counters agree. It knows neither places' successions nor when to
// restart.
//
// Thread safety: none, the supervisor's only thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/mailbox.h"
#include "engine/scoreboard.h"
#include "net/fd.h"

namespace zyphos {

class WorkerProcesses {
 public:
  // The references outlive it.
  WorkerProcesses(const EngineOptions& options, const ConnectionFactory& factory,
                  Scoreboard& scoreboard, Counters& counters);

  // In the new process: closes what is the supervisor's, returns where connections come from.
  using Become = std::function<Fd()>;
  // Forks a worker into a cell without one. False: there is no process, or no descriptor, to be
  // had.
  bool start(unsigned cell, Time now, const Become& become);
  void order(unsigned cell, Order order, Time now);
  void order_all(Order order, Time now);

  struct End {
    bool asked = false;   // it had an order to end
    bool lasted = false;  // for options.prefork.stable_ns
    std::string complaint;
  };
  // Of a process whose pidfd is readable.
  End bury(unsigned cell, Time now);
  // Whoever does not follow an order in its time gets the next one, at last SIGKILL.
  void press(Time now);
  // When that is due next.
  Time next_press() const;

  bool none() const;
  int pidfd(unsigned cell) const { return processes_[cell].pidfd.get(); }
  // Written by workers when there is something to see on the scoreboard.
  int bell() const { return bell_.get(); }

 private:
  struct Process {
    Fd pidfd;
    Fd complaints;
    std::shared_ptr<Mailbox> mailbox;
    Time started;
    Time patience = Time::never();
  };

  [[noreturn]] void become_worker(unsigned cell, pid_t parent, Fd complaints, Random random,
                                  std::shared_ptr<Mailbox> mailbox, const Become& become);
  void count_lost(unsigned cell);

  const EngineOptions& options_;
  const ConnectionFactory& factory_;
  Scoreboard& scoreboard_;
  Counters& counters_;
  Random random_;
  Fd bell_;
  std::vector<Process> processes_;  // by cell
};

}  // namespace zyphos
