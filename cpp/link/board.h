// The emulator's board: its counters, and how late each packet was, for each direction: from due
// to handed over (the write to the receiver's interface begins: the emulator's own part) and from
// due to written (it is over: with what the receiver's kernel did with the packet meanwhile). It
// lies in memory that the runner may share and read while it changes.
//
// Thread safety: one writer; snapshot() from anywhere, also another process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "link/counters.h"
#include "metrics/board.h"
#include "metrics/shared_histogram.h"

namespace zyphos {
extern template class BasicBoard<link::LinkCounters>;
}  // namespace zyphos

namespace zyphos::link {

enum class Stage : std::uint8_t { written, handed };

class LinkBoard {
 public:
  struct Snapshot {
    BasicBoard<LinkCounters>::Snapshot counters;  // by LinkCounters::name(index)
    Histogram forward_late_ns;
    Histogram backward_late_ns;
    Histogram forward_handed_late_ns;
    Histogram backward_handed_late_ns;
  };

  static std::size_t bytes();
  // In private memory.
  LinkBoard();
  // In `memory` (bytes() long, zeroed, page aligned), which outlives the board.
  explicit LinkBoard(void* memory);

  LinkCounters& counters() { return counters_; }
  SharedHistogram& late_ns(Direction direction, Stage stage);

  Snapshot snapshot() const;
  // Of a mapped board; std::invalid_argument when it is not one of this schema.
  static Snapshot snapshot(const void* memory);

 private:
  std::unique_ptr<std::byte[]> own_;
  std::byte* memory_;
  BasicBoard<LinkCounters> board_;
  LinkCounters& counters_;
};

}  // namespace zyphos::link
