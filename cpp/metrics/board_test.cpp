#include "metrics/board.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace zyphos {
namespace {

constexpr auto kRequests = static_cast<std::size_t>(Counter::requests);

TEST(Board, SumsItsWriters) {
  Board board;
  Counters& a = board.take();
  Counters& b = board.take();
  a.add(Counter::requests, 3);
  b.add(Counter::requests, 4);
  b.error(Errc::bad_host);
  const BoardSnapshot snapshot = board.snapshot();
  EXPECT_EQ(snapshot.values[kRequests], 7U);
  EXPECT_EQ(snapshot.values[kCounterCount + static_cast<std::size_t>(Errc::bad_host)], 1U);
}

TEST(Board, TotalsOutliveTheirWriter) {
  Board board;
  Counters& first = board.take();
  first.add(Counter::requests, 5);
  board.retire(first);
  EXPECT_EQ(board.snapshot().values[kRequests], 5U);
  Counters& second = board.take();
  EXPECT_EQ(&second, &first);  // the slot is used again, from zero
  EXPECT_EQ(second.value(Counter::requests), 0U);
  second.add(Counter::requests);
  EXPECT_EQ(board.snapshot().values[kRequests], 6U);
}

TEST(Board, MoreWritersThanSlotsAreCountedWhenTheyRetire) {
  Board board;
  std::vector<Counters*> slots;
  for (std::uint32_t i = 0; i < Board::kSlots + 3; ++i) slots.push_back(&board.take());
  for (Counters* slot : slots) slot->add(Counter::requests);
  EXPECT_EQ(board.snapshot().values[kRequests], Board::kSlots);
  for (Counters* slot : slots) board.retire(*slot);
  EXPECT_EQ(board.snapshot().values[kRequests], Board::kSlots + 3U);
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

TEST(Board, IsReadFromItsMemoryAlone) {
  const std::size_t size = (Board::bytes() + 4095) / 4096 * 4096;
  const std::unique_ptr<void, Free> memory(std::aligned_alloc(4096, size));
  std::memset(memory.get(), 0, size);
  EXPECT_THROW(Board::snapshot(memory.get()), std::invalid_argument);  // no board yet
  Board board(memory.get());
  board.take().add(Counter::requests, 9);
  EXPECT_EQ(Board::snapshot(memory.get()).values[kRequests], 9U);
}

// What moves to `retired` is seen once, not twice and not never, by whoever looks meanwhile.
TEST(Board, SnapshotsNeverGoDownNorAheadWhileWritersComeAndGo) {
  constexpr std::uint64_t kRounds = 2000;
  Board board;
  std::atomic<bool> done{false};
  std::jthread writer([&] {
    for (std::uint64_t i = 0; i < kRounds; ++i) {
      Counters& slot = board.take();
      slot.add(Counter::requests);
      board.retire(slot);
    }
    done = true;
  });
  std::uint64_t last = 0;
  while (!done) {
    const std::uint64_t now = board.snapshot().values[kRequests];
    ASSERT_GE(now, last);
    ASSERT_LE(now, kRounds);
    last = now;
  }
  EXPECT_EQ(board.snapshot().values[kRequests], kRounds);
}

}  // namespace
}  // namespace zyphos
