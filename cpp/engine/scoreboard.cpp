#include "engine/scoreboard.h"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "base/check.h"

namespace zyphos {
namespace {

WorkerCell* map_cells(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "memory for the scoreboard");
  }
  return static_cast<WorkerCell*>(memory);
}

}  // namespace

Scoreboard::Scoreboard(unsigned places, std::vector<Counters*> counters)
    : places_(places), counters_(std::move(counters)), cells_(map_cells(bytes())) {
  ZY_CHECK(counters_.size() == cells());
  std::uninitialized_default_construct_n(cells_, cells());
}

Scoreboard::~Scoreboard() { ::munmap(cells_, bytes()); }

std::uint64_t Scoreboard::connections(unsigned index) const {
  const Counters& counted = *counters_[index];
  // Ends first: one that comes and goes in between must not make it negative.
  const std::uint64_t closed = counted.value(Counter::closed);
  return counted.value(Counter::accepted) + counted.value(Counter::connected) - closed;
}

std::vector<WorkerStatus> Scoreboard::workers() const {
  std::vector<WorkerStatus> found;
  for (unsigned i = 0; i < cells(); ++i) {
    const WorkerCell& one = cells_[i];
    const pid_t pid = one.pid.load();
    if (pid == 0) continue;
    found.push_back({.pid = pid,
                     .place = place_of(i),
                     .state = one.state.load(),
                     .connections = connections(i),
                     .requests = counters_[i]->value(Counter::requests),
                     .restarts = one.starts.load() - 1,
                     .backoff_ns = one.backoff_ns.load()});
  }
  return found;
}

}  // namespace zyphos
