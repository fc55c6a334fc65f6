#include "link/board.h"

#include <new>

#include "metrics/board_layout.h"

namespace zyphos {
template class BasicBoard<link::LinkCounters>;
}  // namespace zyphos

namespace zyphos::link {
namespace {

// The histograms stand behind the counters, on a line of their own.
constexpr std::size_t kAlign = 64;
constexpr std::size_t kHistogram_bytes = sizeof(SharedHistogram);
static_assert(kHistogram_bytes % kAlign == 0);

std::size_t counter_bytes() {
  return (BasicBoard<LinkCounters>::bytes() + kAlign - 1) / kAlign * kAlign;
}

constexpr std::size_t kHistograms = 4;

std::size_t histogram_at(Direction direction, Stage stage) {
  const auto index = 2 * static_cast<std::size_t>(stage) + static_cast<std::size_t>(direction);
  return counter_bytes() + index * kHistogram_bytes;
}

std::byte* aligned(std::byte* memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return memory + (kAlign - address % kAlign) % kAlign;
}

Histogram histogram_of(const std::byte* memory, Direction direction, Stage stage) {
  const std::byte* place = memory + histogram_at(direction, stage);
  return reinterpret_cast<const SharedHistogram*>(place)->snapshot();
}

}  // namespace

std::size_t LinkBoard::bytes() { return counter_bytes() + kHistograms * kHistogram_bytes; }

LinkBoard::LinkBoard()
    : own_(std::make_unique<std::byte[]>(bytes() + kAlign)),
      memory_(aligned(own_.get())),
      board_(memory_),
      counters_(board_.take()) {}

LinkBoard::LinkBoard(void* memory)
    : memory_(static_cast<std::byte*>(memory)), board_(memory_), counters_(board_.take()) {}

SharedHistogram& LinkBoard::late_ns(Direction direction, Stage stage) {
  return *reinterpret_cast<SharedHistogram*>(memory_ + histogram_at(direction, stage));
}

LinkBoard::Snapshot LinkBoard::snapshot() const { return snapshot(memory_); }

LinkBoard::Snapshot LinkBoard::snapshot(const void* memory) {
  const auto* bytes = static_cast<const std::byte*>(memory);
  return {BasicBoard<LinkCounters>::snapshot(memory),
          histogram_of(bytes, Direction::forward, Stage::written),
          histogram_of(bytes, Direction::backward, Stage::written),
          histogram_of(bytes, Direction::forward, Stage::handed),
          histogram_of(bytes, Direction::backward, Stage::handed)};
}

}  // namespace zyphos::link
