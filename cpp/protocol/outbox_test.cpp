#include "protocol/outbox.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace zyphos {
namespace {

std::string next_call(const Outbox& out) {
  std::array<ConstBytes, 64> parts;
  std::string text;
  const std::size_t count = out.gather(parts);
  for (std::size_t i = 0; i < count; ++i) text += as_text(parts[i]);
  return text;
}

void count_release(void* owner) { ++*static_cast<int*>(owner); }

TEST(Outbox, WritesJoinIntoOnePart) {
  BlockPool pool;
  Outbox out(pool);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(out.write(as_bytes("hello, ")), 7U);
  const Bytes place = out.prepare(10);
  std::memcpy(place.data(), "world", 5);
  out.commit(5);
  std::array<ConstBytes, 4> parts;
  ASSERT_EQ(out.gather(parts), 1U);
  EXPECT_EQ(as_text(parts[0]), "hello, world");
  EXPECT_EQ(out.pending(), 12U);
  out.sent(7);
  EXPECT_EQ(next_call(out), "world");
  out.sent(5);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(pool.out(), 0U);  // idle: no memory
}

TEST(Outbox, BoundariesCutSendCalls) {
  BlockPool pool;
  Outbox out(pool);
  out.boundary();  // nothing before it: nothing to cut
  out.write(as_bytes("a"));
  out.boundary();
  out.write(as_bytes("b"));
  EXPECT_TRUE(out.refer(as_bytes("c"), {}));
  out.boundary();
  out.write(as_bytes("d"));
  EXPECT_EQ(next_call(out), "a");
  EXPECT_TRUE(out.more_than(1));
  out.sent(1);
  EXPECT_EQ(next_call(out), "bc");
  out.sent(1);
  EXPECT_EQ(next_call(out), "c");
  out.sent(1);
  EXPECT_EQ(next_call(out), "d");
  EXPECT_FALSE(out.more_than(1));
  out.sent(1);
}

TEST(Outbox, CorkHoldsUntilEverythingIsSent) {
  BlockPool pool;
  Outbox out(pool);
  out.write(as_bytes("ab"));
  out.cork();
  EXPECT_TRUE(out.corked());
  out.sent(1);
  EXPECT_TRUE(out.corked());
  out.sent(1);
  EXPECT_FALSE(out.corked());
}

TEST(Outbox, PayloadLeavesTheReserveToControl) {
  BlockPool pool;
  Outbox out(pool);
  const std::string much(2 * Outbox::capacity(), 'x');
  EXPECT_EQ(out.write(as_bytes(much)), Outbox::capacity());
  EXPECT_EQ(out.room(), 0U);
  EXPECT_TRUE(out.prepare(1).empty());
  EXPECT_EQ(out.write(as_bytes("y")), 0U);
  EXPECT_TRUE(out.write_control(as_bytes(std::string(Outbox::kReserve_bytes, 'c'))));
  EXPECT_FALSE(out.write_control(as_bytes("c")));
  out.sent(out.pending());
  EXPECT_EQ(out.room(), Outbox::capacity());
}

TEST(Outbox, SegmentsRunOutBeforeTheReserves) {
  BlockPool pool;
  Outbox out(pool);
  std::size_t taken = 0;
  while (out.segments_left() > 0) {
    ASSERT_TRUE(out.refer(as_bytes("r"), {}));
    ++taken;
  }
  EXPECT_EQ(taken, Outbox::kSegments - 1);
  EXPECT_EQ(out.room(), 0U);
  EXPECT_FALSE(out.refer(as_bytes("r"), {}));
  EXPECT_TRUE(out.write_control(as_bytes("control")));
  EXPECT_TRUE(out.write_control(as_bytes(" frames")));  // join
  EXPECT_EQ(next_call(out), std::string(taken, 'r') + "control frames");
  out.sent(out.pending());
}

TEST(Outbox, MuchReferredIsNoRoom) {
  BlockPool pool;
  Outbox out(pool);
  const std::string big(Outbox::kHighWater_bytes, 'x');
  EXPECT_TRUE(out.refer(as_bytes(big), {}));
  EXPECT_EQ(out.room(), 0U);
  EXPECT_FALSE(out.refer(as_bytes("y"), {}));
  out.sent(1);
  EXPECT_GT(out.room(), 0U);
  out.clear();
}

TEST(Outbox, HoldsAreReleasedOnceWhenTheirBytesAreSent) {
  BlockPool pool;
  Outbox out(pool);
  int released = 0;
  EXPECT_TRUE(out.refer(as_bytes("abc"), {count_release, &released}));
  EXPECT_TRUE(out.refer(as_bytes("def"), {count_release, &released}));
  out.sent(2);
  EXPECT_EQ(released, 0);
  out.sent(2);
  EXPECT_EQ(released, 1);
  out.clear();
  EXPECT_EQ(released, 2);
  EXPECT_EQ(pool.out(), 0U);
}

TEST(Outbox, ARefusedHoldIsReleased) {
  BlockPool pool;
  Outbox out(pool);
  int released = 0;
  const std::string big(Outbox::kHighWater_bytes, 'x');
  EXPECT_TRUE(out.refer(as_bytes(big), {}));
  EXPECT_FALSE(out.refer(as_bytes("y"), {count_release, &released}));
  EXPECT_EQ(released, 1);
}

TEST(Outbox, SwapMovesEverything) {
  BlockPool pool;
  Outbox filling(pool);
  Outbox flying(pool);
  filling.write(as_bytes("flies"));
  filling.cork();
  filling.swap(flying);
  filling.write(as_bytes("fills"));
  EXPECT_EQ(next_call(flying), "flies");
  EXPECT_TRUE(flying.corked());
  EXPECT_EQ(next_call(filling), "fills");
  EXPECT_FALSE(filling.corked());
  flying.sent(5);
  filling.sent(5);
  EXPECT_EQ(pool.out(), 0U);
}

TEST(Outbox, FilesAreSentApart) {
  BlockPool pool;
  Outbox out(pool, true);
  out.write(as_bytes("head"));
  int closed = 0;
  EXPECT_TRUE(out.file({.fd = 3, .offset = 100, .size = 50}, {count_release, &closed}));
  out.write(as_bytes("tail"));
  EXPECT_EQ(next_call(out), "head");
  EXPECT_EQ(out.next_file(), nullptr);
  out.sent(4);
  ASSERT_NE(out.next_file(), nullptr);
  EXPECT_EQ(next_call(out), "");
  out.sent(20);
  EXPECT_EQ(out.next_file()->offset, 120U);
  EXPECT_EQ(out.next_file()->size, 30U);
  out.sent(30);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(next_call(out), "tail");
  out.sent(4);
}

TEST(OutboxDeathTest, FilesOnlyWhereTheyAreTaken) {
  BlockPool pool;
  Outbox out(pool);
  EXPECT_FALSE(out.takes_files());
  EXPECT_DEATH(static_cast<void>(out.file({.fd = 3, .offset = 0, .size = 1}, {})), "takes_files_");
}

TEST(OutboxDeathTest, MoreCannotBeSentThanIsThere) {
  BlockPool pool;
  Outbox out(pool);
  EXPECT_DEATH(out.sent(1), "pending_");
}

TEST(Hold, IsReleasedOnceHoweverItMoves) {
  int released = 0;
  {
    Hold a(count_release, &released);
    Hold b = std::move(a);
    Hold c;
    c = std::move(b);
    EXPECT_EQ(released, 0);
    c.reset();
    EXPECT_EQ(released, 1);
  }
  EXPECT_EQ(released, 1);
}

}  // namespace
}  // namespace zyphos
