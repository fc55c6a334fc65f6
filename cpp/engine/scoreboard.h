// Scoreboard: what a supervisor and its workers know of each other, in memory that they share. Each
// worker has a cell; a place has two, so that a successor can start while the one before it leaves.
//
// Thread safety: any process at any time (atomics). Invariants: (1) pid, state and the times of a
// cell are the supervisor's to write, but for the steps of `state` that Worker takes itself; (2)
// `order` only grows, from run over leave to drain, until the cell is used again; (3) a cell's
// counters have one writer: its worker while it lives, then the supervisor.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/counters.h"

namespace zyphos {

enum class WorkerState : std::uint32_t {
  none,      // no process
  starting,  // forked
  ready,     // serves
  tired,     // serves, and asks for a successor
  leaving,   // its successor serves: it finishes what it has
};

enum class Order : std::uint32_t { run, leave, drain };

struct alignas(64) WorkerCell {
  std::atomic<pid_t> pid = 0;  // 0: no process
  std::atomic<WorkerState> state = WorkerState::none;
  std::atomic<Order> order = Order::run;
  std::atomic<std::uint64_t> starts = 0;     // processes that this cell has had
  std::atomic<std::int64_t> backoff_ns = 0;  // the last wait before a restart of this place
};

// What is known of one process.
struct WorkerStatus {
  pid_t pid = 0;
  unsigned place = 0;
  WorkerState state = WorkerState::none;
  std::uint64_t connections = 0;  // open
  std::uint64_t requests = 0;     // answered, by all that have had this cell
  std::uint64_t restarts = 0;     // of this cell
  std::int64_t backoff_ns = 0;
};

class Scoreboard {
 public:
  // Cells for so many places, in shared memory; std::system_error. Counters of a cell outlive it.
  Scoreboard(unsigned places, std::vector<Counters*> counters);
  ~Scoreboard();
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;

  static constexpr unsigned kCellsPerPlace = 2;
  unsigned places() const { return places_; }
  unsigned cells() const { return places_ * kCellsPerPlace; }
  unsigned place_of(unsigned cell) const { return cell % places_; }
  WorkerCell& cell(unsigned index) { return cells_[index]; }
  const WorkerCell& cell(unsigned index) const { return cells_[index]; }
  Counters& counters(unsigned index) { return *counters_[index]; }

  std::uint64_t connections(unsigned index) const;
  // Those with a process. Allocates.
  std::vector<WorkerStatus> workers() const;

 private:
  std::size_t bytes() const { return cells() * sizeof(WorkerCell); }

  unsigned places_;
  std::vector<Counters*> counters_;
  WorkerCell* cells_;
};

}  // namespace zyphos
