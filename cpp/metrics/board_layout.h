// The memory of a board and what its functions do with it (see board.h). Included only where a
// board is instantiated: here for Counters, in link/ for the emulator's.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "metrics/board.h"

namespace zyphos {

template <class Slot>
struct BasicBoard<Slot>::Layout {
  std::atomic<std::uint64_t> schema;
  std::atomic<std::uint32_t> used;  // slots ever taken: [0, used)
  // Seqlock: odd while a slot moves to `retired`, so that a snapshot counts it once.
  std::atomic<std::uint32_t> moving;
  alignas(64) Slot retired;
  struct alignas(64) Cell {
    Slot counters;
  };
  std::array<Cell, kSlots> slots;
};

template <class Slot>
std::size_t BasicBoard<Slot>::bytes() {
  return sizeof(Layout);
}

template <class Slot>
std::uint64_t BasicBoard<Slot>::schema() {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto mix = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  };
  for (std::size_t i = 0; i < Slot::kCount; ++i) {
    mix(Slot::name(i));
    mix("\n");
  }
  return hash;
}

template <class Slot>
BasicBoard<Slot>::BasicBoard() : BasicBoard(map_own()) {
  own_ = layout_;
}

template <class Slot>
void* BasicBoard<Slot>::map_own() {
  void* memory =
      ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "board");
  return memory;
}

template <class Slot>
BasicBoard<Slot>::BasicBoard(void* memory) : layout_(::new(memory) Layout{}) {
  layout_->schema.store(schema(), std::memory_order_release);
}

template <class Slot>
BasicBoard<Slot>::~BasicBoard() {
  if (own_ != nullptr) ::munmap(own_, bytes());
}

template <class Slot>
Slot& BasicBoard<Slot>::take() {
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
  return *overflow_.emplace_back(std::make_unique<Slot>());
}

template <class Slot>
void BasicBoard<Slot>::retire(Slot& slot) {
  const std::scoped_lock lock(mutex_);
  layout_->moving.fetch_add(1, std::memory_order_acq_rel);
  for (std::size_t i = 0; i < Slot::kCount; ++i) {
    layout_->retired.bump(i, slot.at(i));
    slot.bump(i, 0 - slot.at(i));
  }
  layout_->moving.fetch_add(1, std::memory_order_acq_rel);
  const auto overflow = std::ranges::find(overflow_, &slot, &std::unique_ptr<Slot>::get);
  if (overflow != overflow_.end()) {
    overflow_.erase(overflow);
    return;
  }
  const auto* cell = reinterpret_cast<const typename Layout::Cell*>(&slot);
  free_.push_back(static_cast<std::uint32_t>(cell - layout_->slots.data()));
}

template <class Slot>
auto BasicBoard<Slot>::snapshot(const void* memory) -> Snapshot {
  const auto& layout = *static_cast<const Layout*>(memory);
  if (layout.schema.load(std::memory_order_acquire) != schema()) {
    throw std::invalid_argument("not a board of this schema");
  }
  for (;;) {
    const auto before = layout.moving.load(std::memory_order_acquire);
    Snapshot out;
    const auto used = layout.used.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < Slot::kCount; ++i) {
      out.values[i] = layout.retired.at(i);
      for (std::uint32_t s = 0; s < used; ++s) out.values[i] += layout.slots[s].counters.at(i);
    }
    if ((before & 1U) == 0 && layout.moving.load(std::memory_order_relaxed) == before) return out;
  }
}

}  // namespace zyphos
