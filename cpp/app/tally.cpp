#include "app/tally.h"

#include <stdexcept>
#include <string>

namespace zyphos::app {
namespace {

struct Entry {
  std::string_view name;
  TallyKind kind;
};

constexpr std::array kKinds{
    Entry{"mutex", TallyKind::mutex},
    Entry{"atomic", TallyKind::atomic},
    Entry{"per_thread", TallyKind::per_thread},
};

// Which of the cells is this thread's.
std::size_t own_cell(std::size_t cells) {
  static std::atomic<std::size_t> threads = 0;
  thread_local const std::size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number % cells;
}

}  // namespace

TallyKind tally_kind(std::string_view name) {
  for (const Entry& entry : kKinds)
    if (entry.name == name) return entry.kind;
  throw std::invalid_argument("unknown counter '" + std::string(name) +
                              "' (known: mutex, atomic, per_thread)");
}

std::vector<std::string_view> tally_names() {
  std::vector<std::string_view> names;
  names.reserve(kKinds.size());
  for (const Entry& entry : kKinds) names.push_back(entry.name);
  return names;
}

void Tally::add() {
  if (kind_ == TallyKind::mutex) {
    const std::scoped_lock lock(mutex_);
    Cell& shared = cells_[0];
    work(shared);
    shared.count.store(shared.count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return;
  }
  Cell& own = cells_[own_cell(cells_.size())];
  work(own);
  Cell& counted = kind_ == TallyKind::atomic ? cells_[0] : own;
  counted.count.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t Tally::total() {
  const std::scoped_lock lock(mutex_);
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.count.load(std::memory_order_relaxed);
  return sum;
}

// xorshift64: each step needs the one before it.
void Tally::work(Cell& cell) const {
  std::uint64_t state = cell.state.load(std::memory_order_relaxed);
  for (std::size_t step = 0; step < steps_; ++step) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
  }
  cell.state.store(state, std::memory_order_relaxed);
}

}  // namespace zyphos::app
