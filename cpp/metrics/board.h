// Board: counters that others read while they change. It lies in memory that may be shared (a
// memfd): offsets only, a schema hash, one writer per slot. The runner maps it and takes snapshots
// at the edges of the measured window.
//
// Thread safety: take() and retire() from any thread; each slot by its one writer; snapshot()
// from anywhere, also another process. Invariants: (1) a slot has at most one writer; (2) totals
// never go down: what a retired slot held is added to `retired` before the slot is used again; (3)
// an unequal schema hash is refused.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/counters.h"

namespace zyphos {

// `Slot` is a CounterArray with a static name(index): Counters, or another program's own (which
// instantiates its board from metrics/board_layout.h).
template <class Slot>
class BasicBoard {
 public:
  struct Snapshot {
    std::array<std::uint64_t, Slot::kCount> values{};  // by Slot::name(index)
  };
  static constexpr std::uint32_t kSlots = 1024;

  // Bytes that a shared board needs.
  static std::size_t bytes();
  // Hash of the counters' names and order.
  static std::uint64_t schema();

  // In memory of its own, which processes that are forked from here on share. std::system_error.
  BasicBoard();
  // In `memory` (bytes() long, zeroed, page aligned), which outlives the board.
  explicit BasicBoard(void* memory);
  ~BasicBoard();
  BasicBoard(const BasicBoard&) = delete;
  BasicBoard& operator=(const BasicBoard&) = delete;

  // A slot for one writer. When all are taken (more threads than slots) it is an overflow slot in
  // private memory, whose totals enter `retired` at retire(): late, never lost.
  Slot& take();
  void retire(Slot& slot);

  Snapshot snapshot() const { return snapshot(layout_); }
  // Of a mapped board; std::invalid_argument when it is not one of this schema.
  static Snapshot snapshot(const void* memory);

 private:
  struct Layout;

  static void* map_own();

  void* own_ = nullptr;  // unmapped at the end
  Layout* layout_;
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::vector<std::unique_ptr<Slot>> overflow_;
};

extern template class BasicBoard<Counters>;
using Board = BasicBoard<Counters>;
using BoardSnapshot = Board::Snapshot;

}  // namespace zyphos
