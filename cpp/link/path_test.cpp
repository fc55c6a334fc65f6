// One direction in virtual time, with known answers.
#include "link/path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace zyphos::link {
namespace {

constexpr std::uint64_t kSeed = 20260902;

struct Departure {
  std::uint64_t number;
  std::int64_t at_ns;
  std::uint32_t length;
  friend bool operator==(const Departure&, const Departure&) = default;
};

// A path with its surroundings.
class Rig {
 public:
  explicit Rig(const PathOptions& options, std::uint64_t seed = kSeed,
               std::size_t packets_max = 100'000)
      : pool_(1500, packets_max),
        path_(options, pool_, Tally(counters_, Direction::forward), Random(seed)) {}

  // Its first bytes are its number.
  void send(std::uint32_t length, std::int64_t at_ns) {
    run(at_ns);
    Packet* packet = pool_.take();
    if (packet == nullptr) {
      path_.refuse(length);
      return;
    }
    packet->length = length;
    path_.admit(packet, Time{at_ns});
  }
  // Each departure at the very time that the path names.
  void run(std::int64_t until_ns = INT64_MAX) {
    while (!path_.next().is_never() && path_.next().ns <= until_ns) {
      const Time now = path_.next();
      Packet* packet = path_.depart(now);
      if (packet == nullptr) continue;
      out_.push_back({packet->number, now.ns, packet->length});
      late_ += now.ns != packet->due.ns ? 1 : 0;
      pool_.give(packet);
    }
  }
  const std::vector<Departure>& out() const { return out_; }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(out_.size());
    for (const Departure& each : out_) numbers.push_back(each.number);
    return numbers;
  }
  std::uint64_t count(LinkCounter counter) const {
    return counters_.value(Direction::forward, counter);
  }
  std::uint64_t dropped() const {
    return count(LinkCounter::dropped_loss) + count(LinkCounter::dropped_queue) +
           count(LinkCounter::dropped_oversize) + count(LinkCounter::dropped_memory);
  }
  std::size_t held() const { return pool_.held(); }
  int late() const { return late_; }

 private:
  LinkCounters counters_;
  PacketPool pool_;
  Path path_;
  std::vector<Departure> out_;
  int late_ = 0;
};

using Numbers = std::vector<std::uint64_t>;

TEST(Path, DelaysByAConstantInOrder) {
  PathOptions options;
  options.delay_ns = 5 * kMillisecond_ns;
  Rig rig(options);
  for (int i = 0; i < 100; ++i) rig.send(60, i * 1000);
  rig.run();
  ASSERT_EQ(rig.out().size(), 100U);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(rig.out()[i],
              (Departure{i + 1, static_cast<std::int64_t>(i) * 1000 + 5 * kMillisecond_ns, 60}));
  }
  EXPECT_EQ(rig.count(LinkCounter::out_of_order), 0U);
  EXPECT_EQ(rig.late(), 0);
}

TEST(Path, WithoutOptionsLetsAllPassAtOnce) {
  Rig rig({});
  rig.send(1500, 7);
  rig.send(20, 7);
  rig.run();
  EXPECT_EQ(rig.out(), (std::vector<Departure>{{1, 7, 1500}, {2, 7, 20}}));
}

TEST(Path, RateAndDelayAddUp) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;  // 1500 bytes: 1 ms
  options.delay_ns = 10 * kMillisecond_ns;
  Rig rig(options);
  rig.send(1500, 0);
  rig.send(1500, 0);
  rig.send(750, 0);
  rig.send(1500, 9 * kMillisecond_ns);
  rig.run();
  const std::vector<Departure> expected{
      {1, 11'000'000, 1500}, {2, 12'000'000, 1500}, {3, 12'500'000, 750}, {4, 20'000'000, 1500}};
  EXPECT_EQ(rig.out(), expected);
  EXPECT_EQ(rig.late(), 0);
}

TEST(Path, AFloodLeavesAtExactlyTheRate) {
  PathOptions options;
  options.rate_bits_per_second = 50'000'000;
  options.queue_packets = 20;
  Rig rig(options);
  for (int i = 0; i < 100'000; ++i) rig.send(1000, i * 10'000);  // 800 Mbit/s for 1 s
  rig.run(kSecond_ns);
  const auto bits = static_cast<std::int64_t>(rig.out().size()) * 8000;
  EXPECT_EQ(bits, 50'000'000);  // of 1 s: 6,250 packets of 160 us
  EXPECT_EQ(rig.out().back().at_ns, kSecond_ns);
}

TEST(Path, TheQueueHoldsSoManyPacketsBesideTheOneThatIsSent) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;
  options.queue_packets = 10;
  Rig rig(options);
  for (int i = 0; i < 50; ++i) rig.send(1500, 0);
  EXPECT_EQ(rig.count(LinkCounter::dropped_queue), 39U);
  rig.send(1500, kMillisecond_ns);  // one has left the queue for the line
  EXPECT_EQ(rig.count(LinkCounter::dropped_queue), 39U);
  rig.send(1500, kMillisecond_ns);
  EXPECT_EQ(rig.count(LinkCounter::dropped_queue), 40U);
  rig.run();
  EXPECT_EQ(rig.numbers(), (Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 51}));
}

TEST(Path, TheQueueHoldsSoManyBytes) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;
  options.queue_bytes = 3000;
  Rig rig(options);
  for (const std::uint32_t length : {1500U, 1500U, 1400U, 101U, 100U, 1U}) rig.send(length, 0);
  rig.run();
  EXPECT_EQ(rig.numbers(), (Numbers{1, 2, 3, 5}));  // 1500 + 1400 wait, 101 is too much
}

TEST(Path, AQueueOfNoneTakesWhatTheLineTakes) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;
  options.queue_packets = 0;
  Rig rig(options);
  rig.send(1500, 0);
  rig.send(1500, 999'999);
  rig.send(1500, 1'000'000);
  rig.run();
  EXPECT_EQ(rig.numbers(), (Numbers{1, 3}));
}

TEST(Path, ByIndexLosesThose) {
  PathOptions options;
  options.loss_law = LossLaw::index;
  options.loss_indices = {2, 5};
  Rig rig(options);
  for (int i = 0; i < 6; ++i) rig.send(60, i);
  rig.run();
  EXPECT_EQ(rig.numbers(), (Numbers{1, 3, 4, 6}));
  EXPECT_EQ(rig.count(LinkCounter::dropped_loss), 2U);
}

TEST(Path, ReorderedPacketsPassTheDelay) {
  PathOptions options;
  options.delay_ns = 10 * kMillisecond_ns;
  options.reorder = 1.0;
  options.reorder_gap = 3;
  Rig rig(options);
  for (int i = 0; i < 6; ++i) rig.send(60, i * kMillisecond_ns);
  rig.run();
  EXPECT_EQ(rig.numbers(), (Numbers{3, 6, 1, 2, 4, 5}));
  EXPECT_EQ(rig.out()[0].at_ns, 2 * kMillisecond_ns);
  EXPECT_EQ(rig.count(LinkCounter::reordered), 2U);
  EXPECT_EQ(rig.count(LinkCounter::out_of_order), 4U);
}

TEST(Path, CopiesFollowTheirOriginals) {
  PathOptions options;
  options.duplicate = 1.0;
  options.rate_bits_per_second = 8'000'000;
  Rig rig(options);
  rig.send(100, 0);
  rig.send(50, 0);
  rig.run();
  const std::vector<Departure> expected{
      {1, 100'000, 100}, {1, 200'000, 100}, {2, 250'000, 50}, {2, 300'000, 50}};
  EXPECT_EQ(rig.out(), expected);
  EXPECT_EQ(rig.count(LinkCounter::duplicated), 2U);
  EXPECT_EQ(rig.count(LinkCounter::out_of_order), 0U);
}

TEST(Path, LargerThanItsMtuVanishes) {
  PathOptions options;
  options.mtu = 1400;
  Rig rig(options);
  rig.send(1400, 0);
  rig.send(1401, 0);
  rig.run();
  EXPECT_EQ(rig.numbers(), (Numbers{1}));
  EXPECT_EQ(rig.count(LinkCounter::dropped_oversize), 1U);
}

PathOptions jittered(bool keep_order) {
  PathOptions options;
  options.delay_ns = 10 * kMillisecond_ns;
  options.jitter_ns = 5 * kMillisecond_ns;
  options.keep_order = keep_order;
  return options;
}

TEST(Path, JitterReordersUnlessOrderIsKept) {
  Rig loose(jittered(false));
  Rig kept(jittered(true));
  for (int i = 0; i < 10'000; ++i) {
    loose.send(60, i * 100'000);
    kept.send(60, i * 100'000);
  }
  loose.run();
  kept.run();
  EXPECT_GT(loose.count(LinkCounter::out_of_order), 5'000U);
  EXPECT_EQ(kept.count(LinkCounter::out_of_order), 0U);
  ASSERT_EQ(kept.out().size(), 10'000U);
  for (std::size_t i = 1; i < kept.out().size(); ++i) {
    ASSERT_EQ(kept.out()[i].number, i + 1);
    ASSERT_GE(kept.out()[i].at_ns, kept.out()[i - 1].at_ns);
  }
}

TEST(Path, WhatThePoolCannotHoldIsCounted) {
  PathOptions options;
  options.delay_ns = kSecond_ns;
  options.duplicate = 1.0;
  Rig rig(options, kSeed, 5);
  for (int i = 0; i < 4; ++i) rig.send(60, i);
  EXPECT_EQ(rig.held(), 5U);
  EXPECT_EQ(rig.count(LinkCounter::packets), 4U);
  EXPECT_EQ(rig.count(LinkCounter::dropped_memory), 2U);  // the third's copy, the fourth
  EXPECT_EQ(rig.count(LinkCounter::duplicated), 3U);
}

PathOptions everything() {
  PathOptions options = jittered(false);
  options.jitter_law = JitterLaw::pareto;
  options.rate_bits_per_second = 20'000'000;
  options.queue_packets = 30;
  options.loss_law = LossLaw::gilbert_elliott;
  options.loss_p = 0.02;
  options.loss_r = 0.3;
  options.reorder = 0.05;
  options.duplicate = 0.03;
  options.mtu = 1450;
  return options;
}

// Sizes and distances from the seed; about the rate, in bursts.
void drive(Rig& rig, std::uint64_t seed) {
  Random random(seed);
  std::int64_t now = 0;
  for (int i = 0; i < 30'000; ++i) {
    now += random.below(10) == 0 ? static_cast<std::int64_t>(random.below(6'000'000)) : 20'000;
    rig.send(20 + static_cast<std::uint32_t>(random.below(1481)), now);
  }
  rig.run();
}

TEST(Path, EveryPacketIsAccountedFor) {
  Rig rig(everything());
  drive(rig, 1);
  EXPECT_EQ(rig.held(), 0U);
  EXPECT_EQ(rig.count(LinkCounter::packets) + rig.count(LinkCounter::duplicated),
            rig.out().size() + rig.dropped());
  for (const auto counter :
       {LinkCounter::dropped_loss, LinkCounter::dropped_queue, LinkCounter::dropped_oversize,
        LinkCounter::duplicated, LinkCounter::reordered, LinkCounter::out_of_order}) {
    EXPECT_GT(rig.count(counter), 100U) << static_cast<int>(counter);
  }
  EXPECT_EQ(rig.late(), 0);
}

TEST(Path, TheSameSeedGivesTheSamePackets) {
  Rig one(everything());
  Rig same(everything());
  Rig other(everything(), kSeed + 1);
  drive(one, 2);
  drive(same, 2);
  drive(other, 2);
  EXPECT_EQ(one.out(), same.out());
  EXPECT_NE(one.out(), other.out());
}

// Calls that come late and at any time give the same departures as calls at the named times.
TEST(Path, LookingLateChangesNothing) {
  PathOptions options = everything();
  options.jitter_ns = 0;
  options.reorder = 0;
  Rig exact(options);
  drive(exact, 3);

  LinkCounters counters;
  PacketPool pool(1500, 100'000);
  Path path(options, pool, Tally(counters, Direction::forward), Random(kSeed));
  std::vector<Departure> seen;
  const auto look = [&](Time now) {
    while (Packet* packet = path.depart(now)) {
      seen.push_back({packet->number, packet->due.ns, packet->length});
      pool.give(packet);
    }
  };
  Random random(3);
  std::int64_t now = 0;
  for (int i = 0; i < 30'000; ++i) {
    now += random.below(10) == 0 ? static_cast<std::int64_t>(random.below(6'000'000)) : 20'000;
    Packet* packet = pool.take();
    packet->length = 20 + static_cast<std::uint32_t>(random.below(1481));
    path.admit(packet, Time{now});
    if (i % 7 == 0) look(Time{now});
  }
  look(Time{now + 100 * kSecond_ns});
  EXPECT_EQ(seen, exact.out());
}

// An IPv4 packet whose sender knows ECN.
void make_capable(Packet& packet) {
  packet.data()[0] = std::byte{0x45};
  packet.data()[1] = std::byte{0x02};
}

TEST(Path, CodelDropsWhatWaitsTooLong) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;  // 1500 bytes: 1 ms
  options.aqm = Aqm::codel;
  Rig rig(options);
  for (std::int64_t i = 0; i < 4'000; ++i) rig.send(1500, i * 500'000);  // twice the rate, 2 s
  rig.run(2 * kSecond_ns);
  const std::uint64_t dropped = rig.count(LinkCounter::dropped_aqm);
  // An interval after the queue stands, then at interval / sqrt(n): 2 s hold the n of which the sum
  // of 0.1 / sqrt(n) is 1.9, about (1.9 / 0.2)^2.
  EXPECT_GT(dropped, 70U);
  EXPECT_LT(dropped, 110U);
  EXPECT_EQ(rig.count(LinkCounter::dropped_queue), 0U);
}

TEST(Path, CodelLeavesAShortQueueAlone) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;
  options.aqm = Aqm::codel;
  Rig rig(options);
  for (int i = 0; i < 4'000; ++i) rig.send(1500, i / 3 * 3 * kMillisecond_ns);  // bursts of 3
  rig.run();
  EXPECT_EQ(rig.count(LinkCounter::dropped_aqm), 0U);
}

TEST(Path, WithEcnCapablePacketsAreMarkedInstead) {
  for (const bool capable : {true, false}) {
    LinkCounters counters;
    PacketPool pool(1500, 10'000);
    PathOptions options;
    options.loss = 0.5;
    options.ecn = true;
    Path path(options, pool, Tally(counters, Direction::forward), Random(kSeed));
    for (int i = 0; i < 1'000; ++i) {
      Packet* packet = pool.take();
      packet->length = 60;
      std::fill_n(packet->data(), 60, std::byte{0});
      if (capable) make_capable(*packet);
      path.admit(packet, Time{i});
      while (Packet* due = path.depart(Time{i})) pool.give(due);
    }
    const auto count = [&](LinkCounter counter) {
      return counters.value(Direction::forward, counter);
    };
    EXPECT_EQ(count(LinkCounter::delivered_packets), 0U);  // the driver's
    EXPECT_EQ(count(capable ? LinkCounter::dropped_loss : LinkCounter::ce_marked), 0U);
    EXPECT_NEAR(
        static_cast<double>(count(capable ? LinkCounter::ce_marked : LinkCounter::dropped_loss)),
        500, 62);
  }
}

TEST(Path, FollowsATrace) {
  PathOptions options;
  options.trace = std::make_shared<const Trace>(Trace{{10'000'000, 20'000'000}});
  options.delay_ns = kMillisecond_ns;
  options.queue_packets = 2;
  Rig rig(options);
  for (int i = 0; i < 3; ++i) rig.send(1500, 0);
  rig.send(1500, 15 * kMillisecond_ns);
  rig.run();
  EXPECT_EQ(rig.out(), (std::vector<Departure>{
                           {1, 11'000'000, 1500}, {2, 21'000'000, 1500}, {4, 31'000'000, 1500}}));
}

// Switching one law on leaves the others' draws as they were.
TEST(Path, LawsDrawByThemselves) {
  PathOptions lossy;
  lossy.loss = 0.1;
  PathOptions both = lossy;
  both.duplicate = 0.5;
  both.delay_ns = 10;
  both.reorder = 0.5;
  Rig a(lossy);
  Rig b(both);
  for (int i = 0; i < 5'000; ++i) {
    a.send(60, i * 1000);
    b.send(60, i * 1000);
  }
  a.run();
  b.run();
  Numbers originals;
  for (const Departure& each : b.out()) {
    if (originals.empty() || originals.back() != each.number) originals.push_back(each.number);
  }
  EXPECT_EQ(originals, a.numbers());
}

}  // namespace
}  // namespace zyphos::link
