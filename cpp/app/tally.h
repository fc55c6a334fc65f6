// Tally: a number that all threads add to, in one of three ways: what sharing it costs is the
// question (experiments/probes/lock_contention.yaml). Before each addition stands some work, a
// fixed number of steps of a generator: with `mutex` it is done under the lock, as the work that a
// lock is held for, else beside it. The work of one addition is the same in all three.
//
// Thread safety: any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

namespace zyphos::app {

enum class TallyKind : std::uint8_t {
  mutex,       // one number, one lock
  atomic,      // one number, added to atomically
  per_thread,  // a number on a cache line of its own for each of the first 64 threads
};

// "mutex", "atomic", "per_thread". Unknown name: std::invalid_argument, one line.
TallyKind tally_kind(std::string_view name);
std::vector<std::string_view> tally_names();

class Tally {
 public:
  // A step takes some 2 ns.
  Tally(TallyKind kind, std::size_t steps) : kind_(kind), steps_(steps) {}

  void add();
  // All that was added; of one instant once nobody adds.
  std::uint64_t total();

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> count = 0;
    std::atomic<std::uint64_t> state = 1;  // of the generator, or its work could be left out
  };

  void work(Cell& cell) const;

  TallyKind kind_;
  std::size_t steps_;
  std::mutex mutex_;
  std::array<Cell, 64> cells_;  // the first is everyone's but with per_thread
};

}  // namespace zyphos::app
