// How long a loop's turns are: what is counted of them, on every engine that has loops.
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "engine/engine_fixture.h"
#include "net/clock.h"

namespace zyphos {
namespace {

using namespace zyphos::testing;

constexpr std::int64_t kLong_ns = 12 * kMillisecond_ns;

class Turns : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    const std::string& engine = mode().engine;
    if (engine == "thread" || engine == "pool" || engine == "sequential") {
      GTEST_SKIP() << engine << " has no loop";
    }
  }

  // Of those classes of turns, the first to the last.
  std::uint64_t turns(Counter first, Counter last) const {
    std::uint64_t sum = 0;
    for (auto i = static_cast<int>(first); i <= static_cast<int>(last); ++i) {
      sum += count(static_cast<Counter>(i));
    }
    return sum;
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Turns, every_engine(), engine_name);

TEST_P(Turns, AreCountedByTheirTime) {
  // Whoever is asked keeps the loop's thread for so long, by the clock that the loop reads.
  start([] {
    return std::make_unique<Scripted>([](Bytes in, Peer peer, Outbox& out, Time, Context&) {
      const Time until = clock_now() + kLong_ns;
      while (!in.empty() && clock_now() < until) {
      }
      if (!in.empty()) out.write(as_bytes(std::string_view("y")));
      return Step{.consumed = in.size(), .next = peer == Peer::open ? Next::run : Next::close};
    });
  });
  Client client(address());
  client.send("x");
  EXPECT_EQ(client.read(1), "y");
  client.close();
  stop();
  EXPECT_EQ(turns(Counter::turns_10us, Counter::turns_longer), count(Counter::turns));
  EXPECT_GE(turns(Counter::turns_100ms, Counter::turns_longer), 1U);
  EXPECT_GE(count(Counter::turn_ns), static_cast<std::uint64_t>(kLong_ns));
  // The turn before the first wait, that of the new connection, its request, its end.
  EXPECT_GE(count(Counter::turns), 3U);
}

TEST(TurnClasses, ATurnIsInTheFirstThatHoldsIt) {
  Counters counters;
  for (const std::int64_t ns : {0LL, 10'000LL, 10'001LL, 1'000'000LL, 1'000'001LL, 100'000'000LL,
                                100'000'001LL, 3'600'000'000'000LL}) {
    counters.turned(ns);
  }
  EXPECT_EQ(counters.value(Counter::turns), 8U);
  EXPECT_EQ(counters.value(Counter::turns_10us), 2U);
  EXPECT_EQ(counters.value(Counter::turns_100us), 1U);
  EXPECT_EQ(counters.value(Counter::turns_1ms), 1U);
  EXPECT_EQ(counters.value(Counter::turns_10ms), 1U);
  EXPECT_EQ(counters.value(Counter::turns_100ms), 1U);
  EXPECT_EQ(counters.value(Counter::turns_longer), 2U);
}

}  // namespace
}  // namespace zyphos
