#include "metrics/board.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string_view>

namespace zyphos {

struct Board::Layout {
  std::atomic<std::uint64_t> schema;
  std::atomic<std::uint32_t> used;  // slots ever taken: [0, used)
  // Seqlock: odd while a slot moves to `retired`, so that a snapshot counts it once.
  std::atomic<std::uint32_t> moving;
  alignas(64) Counters retired;
  struct alignas(64) Cell {
    Counters counters;
  };
  std::array<Cell, kSlots> slots;
};

std::size_t Board::bytes() { return sizeof(Layout); }

std::uint64_t Board::schema() {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto mix = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  };
  for (std::size_t i = 0; i < kBoardCounterCount; ++i) {
    mix(counter_name(i));
    mix("\n");
  }
  return hash;
}

Board::Board() : own_(std::make_unique<std::byte[]>(bytes() + alignof(Layout))) {
  void* memory = own_.get();
  std::size_t space = bytes() + alignof(Layout);
  layout_ = ::new (std::align(alignof(Layout), bytes(), memory, space)) Layout{};
  layout_->schema.store(schema(), std::memory_order_release);
}

Board::Board(void* memory) : layout_(::new(memory) Layout{}) {
  layout_->schema.store(schema(), std::memory_order_release);
}

Board::~Board() = default;

Counters& Board::take() {
  const std::scoped_lock lock(mutex_);
  if (!free_.empty()) {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return layout_->slots[index].counters;
  }
  const std::uint32_t used = layout_->used.load(std::memory_order_relaxed);
  if (used < kSlots) {
    layout_->used.store(used + 1, std::memory_order_release);
    return layout_->slots[used].counters;
  }
  return *overflow_.emplace_back(std::make_unique<Counters>());
}

void Board::retire(Counters& slot) {
  const std::scoped_lock lock(mutex_);
  layout_->moving.fetch_add(1, std::memory_order_acq_rel);
  for (std::size_t i = 0; i < kBoardCounterCount; ++i) {
    layout_->retired.bump(i, slot.at(i));
    slot.bump(i, 0 - slot.at(i));
  }
  layout_->moving.fetch_add(1, std::memory_order_acq_rel);
  const auto overflow = std::ranges::find(overflow_, &slot, &std::unique_ptr<Counters>::get);
  if (overflow != overflow_.end()) {
    overflow_.erase(overflow);
    return;
  }
  const auto* cell = reinterpret_cast<const Layout::Cell*>(&slot);
  free_.push_back(static_cast<std::uint32_t>(cell - layout_->slots.data()));
}

BoardSnapshot Board::snapshot(const void* memory) {
  const auto& layout = *static_cast<const Layout*>(memory);
  if (layout.schema.load(std::memory_order_acquire) != schema()) {
    throw std::invalid_argument("not a board of this schema");
  }
  for (;;) {
    const auto before = layout.moving.load(std::memory_order_acquire);
    BoardSnapshot out;
    const auto used = layout.used.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kBoardCounterCount; ++i) {
      out.values[i] = layout.retired.at(i);
      for (std::uint32_t s = 0; s < used; ++s) out.values[i] += layout.slots[s].counters.at(i);
    }
    if ((before & 1U) == 0 && layout.moving.load(std::memory_order_relaxed) == before) return out;
  }
}

}  // namespace zyphos
