// RED against the paper's own arithmetic (Floyd and Jacobson, 1993), in virtual time.
#include "link/red.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "link/path.h"

namespace zyphos::link {
namespace {

constexpr std::uint64_t kSeed = 20261122;
constexpr std::int64_t kPacket_ns = kMillisecond_ns;  // of 1500 bytes at the rate below

PathOptions options_of(double weight) {
  PathOptions options;
  options.rate_bits_per_second = 12'000'000;
  options.aqm = Aqm::red;
  options.red_min_packets = 10;
  options.red_max_packets = 20;
  options.red_probability = 0.2;
  options.red_weight = weight;
  return options;
}

// A queue of a constant number of packets, seen by so many arrivals.
class Standing {
 public:
  Standing(double weight, int packets) : red_(options_of(weight), Time{}, Random(kSeed)) {
    for (int i = 0; i < packets; ++i) {
      Packet* packet = pool_.take();
      packet->length = 1500;
      queue_.push(packet);
    }
  }
  ~Standing() { drain(); }
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;

  // Arrivals since the one before that was not to wait, for each of those.
  std::vector<int> gaps(int arrivals) {
    std::vector<int> gaps;
    for (int i = 0; i < arrivals; ++i) {
      now_.ns += kPacket_ns;
      ++since_;
      latest_ = red_.arrives(queue_, now_);
      if (latest_ == Verdict::waits) continue;
      gaps.push_back(since_);
      since_ = 0;
    }
    return gaps;
  }
  void drain() {
    while (!queue_.empty()) pool_.give(queue_.pop());
    red_.leaves(queue_, now_);
  }
  void rest(std::int64_t for_ns) { now_.ns += for_ns; }
  const Red& red() const { return red_; }
  Verdict latest() const { return latest_; }

 private:
  Time now_{};
  int since_ = 0;
  Verdict latest_ = Verdict::waits;
  PacketPool pool_{1500, 100};
  Queue queue_{PathOptions{}};
  Red red_;
};

// Equation 1: avg += w (q - avg), hence q (1 - (1 - w)^n) after n arrivals.
TEST(Red, TheAverageFollowsTheQueueSlowly) {
  Standing standing(0.002, 40);
  for (const int arrivals : {1, 99, 900}) standing.gaps(arrivals);
  EXPECT_NEAR(standing.red().average_packets(), 40 * (1 - std::pow(0.998, 1000)), 1e-9);
}

// Figure 2: after m packets' time without a queue, avg (1 - w)^m.
TEST(Red, TheAverageFallsWhileNothingWaits) {
  Standing standing(0.01, 15);
  standing.gaps(10'000);
  const double before = standing.red().average_packets();
  EXPECT_NEAR(before, 15, 1e-6);
  standing.drain();
  standing.rest(49 * kPacket_ns);
  standing.gaps(1);  // comes a packet's time later
  EXPECT_NEAR(standing.red().average_packets(), before * std::pow(0.99, 50), 1e-9);
  standing.gaps(1);
  EXPECT_NEAR(standing.red().average_packets(), before * std::pow(0.99, 51), 1e-9);
}

TEST(Red, BelowTheMinimumAllMayWait) {
  Standing standing(0.5, 9);
  EXPECT_TRUE(standing.gaps(100'000).empty());
}

TEST(Red, FromTheMaximumOnNoneMay) {
  Standing standing(1.0, 20);
  EXPECT_EQ(standing.gaps(100), std::vector<int>(100, 1));
  EXPECT_EQ(standing.latest(), Verdict::dropped);
}

// Section 7, method 2: with a constant average the distances of those that are refused are uniform
// on 1 ... 1/p - 1. Half way between the bounds p is 0.1.
TEST(Red, BetweenThemDistancesAreUniform) {
  Standing standing(1.0, 15);
  std::vector<int> gaps = standing.gaps(1'000'000);
  ASSERT_GT(gaps.size(), 100'000U);
  std::array<int, 11> seen{};
  for (std::size_t i = 1; i < gaps.size(); ++i) {  // the first counts from 0
    ASSERT_LE(gaps[i], 9) << "seed " << kSeed;
    ++seen[static_cast<std::size_t>(gaps[i])];
  }
  const double each = static_cast<double>(gaps.size() - 1) / 9;
  for (std::size_t gap = 1; gap <= 9; ++gap) {
    EXPECT_NEAR(seen[gap], each, 5 * std::sqrt(each)) << "seed " << kSeed << ", gap " << gap;
  }
  EXPECT_NE(standing.latest(), Verdict::dropped);
}

Packet* packet_for(PacketPool& pool, unsigned ecn) {
  Packet* packet = pool.take();
  packet->length = 1500;
  packet->data()[0] = std::byte{0x60};  // IPv6, whose traffic class spans two bytes
  packet->data()[1] = static_cast<std::byte>(ecn << 4);
  return packet;
}

// A line that is offered twice what it takes, for ten seconds.
class Overload {
 public:
  Overload(bool ecn, unsigned codepoint) {
    PathOptions options = options_of(0.2);
    options.ecn = ecn;
    PacketPool pool(1500, 1000);
    Path path(options, pool, Tally(counters_, Direction::forward), Random(kSeed));
    for (std::int64_t now_ns = 0; now_ns < 10 * kSecond_ns; now_ns += kPacket_ns / 2) {
      while (Packet* packet = path.depart({now_ns})) pool.give(packet);
      path.admit(packet_for(pool, codepoint), {now_ns});
    }
  }
  std::uint64_t count(LinkCounter counter) const {
    return counters_.value(Direction::forward, counter);
  }

 private:
  LinkCounters counters_;
};

TEST(Red, HoldsTheAverageAtItsMaximumUnderAFlood) {
  const Overload plain(false, 0);
  EXPECT_EQ(plain.count(LinkCounter::dropped_queue), 0U);
  EXPECT_EQ(plain.count(LinkCounter::ce_marked), 0U);
  const auto dropped = static_cast<double>(plain.count(LinkCounter::dropped_aqm));
  EXPECT_NEAR(dropped / 20'000, 0.5, 0.03) << "seed " << kSeed;
}

TEST(Red, MarksBetweenItsBoundsAndDropsAboveThem) {
  const Overload capable(true, 2);
  EXPECT_GT(capable.count(LinkCounter::ce_marked), 0U);
  // Marks slow nobody down here, so in the end it has to drop all the same (RFC 7567, 4.2.1).
  EXPECT_GT(capable.count(LinkCounter::dropped_aqm), 0U);
  const Overload not_capable(true, 0);
  EXPECT_EQ(not_capable.count(LinkCounter::ce_marked), 0U);
}

}  // namespace
}  // namespace zyphos::link
