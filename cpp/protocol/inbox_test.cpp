#include "protocol/inbox.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "testing/guard_buffer.h"

namespace zyphos {
namespace {

using testing::GuardBuffer;

std::string_view text(Inbox& inbox) { return as_text(inbox.view()); }

TEST(Inbox, ShowsAWholeReceiveInPlace) {
  BlockPool pool;
  GuardBuffer buffer(100);
  Inbox inbox(pool, 1000);
  const Bytes chunk = buffer.place(as_bytes("hello"));
  inbox.receive(chunk);
  EXPECT_EQ(inbox.view().data(), chunk.data());
  inbox.consume(2);
  EXPECT_EQ(text(inbox), "llo");
  inbox.consume(3);
  EXPECT_TRUE(inbox.empty());
  inbox.settle();
  EXPECT_EQ(inbox.take_bytes_copied(), 0U);
  EXPECT_EQ(pool.out(), 0U);
}

TEST(Inbox, CopiesOnlyWhatStraddles) {
  BlockPool pool;
  GuardBuffer buffer(20'000);
  Inbox inbox(pool, 100'000);
  inbox.receive(buffer.place(as_bytes("head")));
  inbox.settle();
  buffer.spoil();
  EXPECT_EQ(inbox.take_bytes_copied(), 4U);
  const std::string rest = std::string(" tail") + std::string(10'000, 'x');
  const Bytes chunk = buffer.place(as_bytes(rest));
  inbox.receive(chunk);
  EXPECT_EQ(text(inbox).substr(0, 9), "head tail");
  EXPECT_EQ(inbox.held(), 4U + rest.size());
  EXPECT_LT(inbox.view().size(), 1000U);  // a piece of the chunk, not all of it
  inbox.consume(9);
  EXPECT_EQ(inbox.view().data(), chunk.data() + 5);  // and goes on in place
  EXPECT_EQ(inbox.view().size(), 10'000U);
  EXPECT_LE(inbox.take_bytes_copied(), 512U);
  inbox.consume(10'000);
  inbox.settle();
  EXPECT_EQ(pool.out(), 0U);
}

TEST(Inbox, TopsUpUntilEverythingIsInView) {
  BlockPool pool;
  GuardBuffer buffer(60'000);
  Inbox inbox(pool, 100'000);
  inbox.receive(buffer.place(as_bytes("a")));
  inbox.settle();
  inbox.receive(buffer.place(as_bytes(std::string(50'000, 'b'))));
  int rounds = 0;
  while (inbox.top_up()) ++rounds;
  EXPECT_EQ(inbox.view().size(), 50'001U);
  EXPECT_LE(rounds, 10);  // pieces double
  inbox.consume(1);
  EXPECT_EQ(inbox.view().size(), 50'000U);
}

TEST(Inbox, IsFullAtItsLimitAndStillTakesWhatIsInFlight) {
  BlockPool pool;
  GuardBuffer buffer(100);
  Inbox inbox(pool, 8);
  inbox.receive(buffer.place(as_bytes("1234567")));
  inbox.settle();
  EXPECT_FALSE(inbox.full());
  inbox.receive(buffer.place(as_bytes("890")));
  inbox.settle();
  EXPECT_TRUE(inbox.full());
  inbox.receive(buffer.place(as_bytes("abc")));
  EXPECT_EQ(text(inbox), "1234567890abc");
  inbox.consume(10);
  EXPECT_FALSE(inbox.full());
  inbox.clear();
  EXPECT_TRUE(inbox.empty());
  EXPECT_EQ(pool.out(), 0U);
}

// A long random life against a plain string. Receives of all sizes, consumption of any prefix of
// the view.
TEST(Inbox, KeepsEveryByteInOrder) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    BlockPool pool;
    GuardBuffer buffer(40'000);
    Inbox inbox(pool, 1'000'000);
    std::string held;
    unsigned char next = 0;
    for (int round = 0; round < 200; ++round) {
      std::string fresh(random.below(random.below(4) == 0 ? 40'000 : 300), '\0');
      for (char& c : fresh) c = static_cast<char>(next++);
      inbox.receive(buffer.place(as_bytes(fresh)));
      held += fresh;
      for (std::uint64_t turns = random.below(4); turns > 0; --turns) {
        if (random.below(2) == 0) inbox.top_up();
        const std::string_view view = text(inbox);
        ASSERT_EQ(view, std::string_view(held).substr(0, view.size()));
        const std::size_t n = random.below(view.size() + 1);
        inbox.consume(n);
        held.erase(0, n);
        ASSERT_EQ(inbox.held(), held.size());
      }
      inbox.settle();
      buffer.spoil();
      ASSERT_EQ(text(inbox), held);
    }
  }
}

}  // namespace
}  // namespace zyphos
