// PIE against RFC 8033's own arithmetic, in virtual time.
#include "link/pie.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "link/path.h"

namespace zyphos::link {
namespace {

constexpr std::uint64_t kSeed = 20261121;
constexpr std::int64_t kPeriod_ns = 15 * kMillisecond_ns;

// A queue of which a packet leaves each millisecond, having waited `waited_ns`, while one arrives.
class Backlog {
 public:
  explicit Backlog(int packets = 10) {
    for (int i = 0; i < packets; ++i) queue_.push(fresh());
  }
  ~Backlog() {
    while (!queue_.empty()) pool_.give(queue_.pop());
  }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // Goes on so for a time; how many arrivals were not let in.
  int run(std::int64_t for_ms, std::int64_t waited_ns) {
    int refused = 0;
    for (const std::int64_t end_ms = now_ms_ + for_ms; now_ms_ < end_ms;) {
      ++now_ms_;
      Packet* packet = queue_.pop();
      packet->arrived = now() + -waited_ns;
      pie_.leaves(*packet, queue_, now());
      pool_.give(packet);
      latest_ = pie_.arrives(queue_, now());
      refused += latest_ == Verdict::waits ? 0 : 1;
      queue_.push(fresh());
    }
    return refused;
  }
  // Nothing waits and nothing comes, until one packet does.
  void rest(std::int64_t for_ms) {
    Queue none(PathOptions{});
    pie_.leaves(Packet{}, none, now());
    now_ms_ += for_ms;
    latest_ = pie_.arrives(none, now());
  }
  double probability() const { return pie_.probability(); }
  Verdict latest() const { return latest_; }

 private:
  Time now() const { return {now_ms_ * kMillisecond_ns}; }
  Packet* fresh() {
    Packet* packet = pool_.take();
    packet->length = 1500;
    return packet;
  }

  std::int64_t now_ms_ = 0;
  Verdict latest_ = Verdict::waits;
  PacketPool pool_{1500, 100};
  Queue queue_{PathOptions{}};
  Pie pie_{PathOptions{}, 1500, Time{}, Random(kSeed)};
};

// RFC 8033, 4.2, by hand: p = 0.125 (latency - 15 ms) + 1.25 (latency - latency a period ago), in
// seconds; divided by 2048 while the probability is below 1e-6, by 128 from 1e-5 on.
TEST(Pie, TheProbabilityFollowsLatencyAndItsTrend) {
  Backlog backlog;
  backlog.run(15, 20 * kMillisecond_ns);
  EXPECT_DOUBLE_EQ(backlog.probability(), (0.000625 + 0.025) / 2048);
  backlog.run(15, 20 * kMillisecond_ns);
  EXPECT_DOUBLE_EQ(backlog.probability(), 0.025625 / 2048 + 0.000625 / 128);
  backlog.run(15, 30 * kMillisecond_ns);
  EXPECT_DOUBLE_EQ(backlog.probability(),
                   0.025625 / 2048 + 0.000625 / 128 + (0.001875 + 0.0125) / 128);
}

TEST(Pie, ItFallsWhenLatencyDoes) {
  Backlog backlog;
  backlog.run(60'000, 40 * kMillisecond_ns);
  const double high = backlog.probability();
  EXPECT_GT(high, 0.1);
  backlog.run(15, 10 * kMillisecond_ns);
  EXPECT_DOUBLE_EQ(backlog.probability(), high - 0.125 * 0.005 - 1.25 * 0.030);
}

// RFC 8033, 4.2: two periods without latency take 2 % away beside the controller's own step.
TEST(Pie, ItDecaysWhereNothingWaits) {
  Backlog backlog;
  backlog.run(60'000, 60 * kMillisecond_ns);
  const double high = backlog.probability();
  ASSERT_EQ(high, 1.0);
  backlog.rest(15);
  const double first = high - 0.125 * 0.015 - 1.25 * 0.060;
  EXPECT_DOUBLE_EQ(backlog.probability(), first);
  backlog.rest(15);
  EXPECT_DOUBLE_EQ(backlog.probability(), (first - 0.125 * 0.015) * 0.98);
}

// RFC 8033, 4.4.
TEST(Pie, ABurstOf150MillisecondsIsLetIn) {
  Backlog backlog;
  EXPECT_EQ(backlog.run(149, 300 * kMillisecond_ns), 0) << "seed " << kSeed;
  EXPECT_GT(backlog.probability(), 0.05);
  EXPECT_GT(backlog.run(150, 300 * kMillisecond_ns), 0);
}

TEST(Pie, AnotherBurstIsLetInOnlyAfterRest) {
  Backlog backlog;
  backlog.run(1000, 300 * kMillisecond_ns);
  EXPECT_GT(backlog.run(140, 300 * kMillisecond_ns), 0);
  backlog.rest(3'600'000);
  EXPECT_EQ(backlog.probability(), 0.0);
  EXPECT_EQ(backlog.latest(), Verdict::waits);
  EXPECT_EQ(backlog.run(120, 300 * kMillisecond_ns), 0);
}

// RFC 8033, 4.1: what is short is left alone.
TEST(Pie, BelowHalfTheTargetNothingIsDropped) {
  Backlog backlog;
  EXPECT_EQ(backlog.run(60'000, kPeriod_ns / 2 - 1), 0);
}

TEST(Pie, TwoPacketsMayAlwaysWait) {
  Backlog backlog(3);  // an arrival finds two
  EXPECT_EQ(backlog.run(20'000, 300 * kMillisecond_ns), 0);
  EXPECT_EQ(backlog.probability(), 1.0);
}

// RFC 8033, 5.5.
TEST(Pie, AStepIsAtMostTwoPercentOnceItDropsMuch) {
  Backlog backlog;
  while (backlog.probability() < 0.1) backlog.run(15, 40 * kMillisecond_ns);
  const double before = backlog.probability();
  backlog.run(15, 500 * kMillisecond_ns);
  EXPECT_DOUBLE_EQ(backlog.probability(), before + 0.02);
}

// RFC 8033, 5.1.
TEST(Pie, MarksUpToTenPercentAndDropsBeyond) {
  Backlog backlog;
  bool marked = false;
  while (backlog.probability() <= 0.1) {
    backlog.run(1, 25 * kMillisecond_ns);
    if (backlog.probability() > 0.1) break;
    EXPECT_NE(backlog.latest(), Verdict::dropped);
    marked = marked || backlog.latest() == Verdict::signals;
  }
  EXPECT_TRUE(marked);
  for (int i = 0; i < 1000; ++i) {
    backlog.run(1, 25 * kMillisecond_ns);
    EXPECT_NE(backlog.latest(), Verdict::signals);
  }
}

// Packets at an even pace through a line for 10 ones of 1500 bytes each millisecond.
struct Flood {
  LinkCounters counters;
  double dropped = 0.0;  // shares and means of the second half
  double queued_ns = 0.0;

  explicit Flood(std::int64_t every_ns) {
    PathOptions options;
    options.rate_bits_per_second = 120'000'000;
    options.queue_packets = 10'000;
    options.aqm = Aqm::pie;
    PacketPool pool(1500, 20'000);
    Path path(options, pool, Tally(counters, Direction::forward), Random(kSeed));
    constexpr std::int64_t kEnd_ns = 60 * kSecond_ns;
    std::uint64_t left = 0;
    for (std::int64_t now_ns = 0; now_ns < kEnd_ns; now_ns += every_ns) {
      while (Packet* packet = path.depart({now_ns})) {
        pool.give(packet);
        ++left;
      }
      if (now_ns <= kEnd_ns / 2) remember(left);
      Packet* packet = pool.take();
      packet->length = 1500;
      path.admit(packet, {now_ns});
    }
    const Totals half = totals_;
    remember(left);
    const auto grown = [&](std::size_t at) { return static_cast<double>(totals_[at] - half[at]); };
    dropped = grown(1) / grown(0);
    queued_ns = grown(2) / grown(3);
  }

 private:
  using Totals = std::array<std::uint64_t, 4>;

  void remember(std::uint64_t left) {
    const auto value = [&](LinkCounter counter) {
      return counters.value(Direction::forward, counter);
    };
    totals_ = {value(LinkCounter::packets), value(LinkCounter::dropped_aqm),
               value(LinkCounter::queued_ns), left};
  }
  Totals totals_{};
};

// Against a sender that never slows down it drops what is too much and keeps its latency.
TEST(Pie, KeepsItsTargetUnderAFlood) {
  const Flood flood(80'000);  // 12,500 packets a second into a line for 10,000
  EXPECT_NEAR(flood.dropped, 0.2, 0.005) << "seed " << kSeed;
  EXPECT_NEAR(flood.queued_ns, 15e6, 1.5e6) << "seed " << kSeed;
  EXPECT_EQ(flood.counters.value(Direction::forward, LinkCounter::dropped_queue), 0U);
}

TEST(Pie, LetsAlonePacketsThatDoNotWait) {
  const Flood flood(100'001);
  EXPECT_EQ(flood.dropped, 0.0);
  EXPECT_EQ(flood.queued_ns, 0.0);
}

}  // namespace
}  // namespace zyphos::link
