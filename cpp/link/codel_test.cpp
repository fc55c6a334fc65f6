// CoDel and ECN against the RFCs' own arithmetic.
#include "link/codel.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "link/ecn.h"

namespace zyphos::link {
namespace {

constexpr std::uint64_t kSeed = 20260904;

// A queue that never ends, of packets that have all waited `waited_ns`, taken one each millisecond.
class Backlog {
 public:
  explicit Backlog(std::int64_t waited_ns) : waited_ns_(waited_ns) {
    for (int i = 0; i < 10; ++i) queue_.push(fresh());
  }
  ~Backlog() {
    while (!queue_.empty()) pool_.give(queue_.pop());
  }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // Milliseconds at which something was refused, up to `until_ms`.
  std::vector<int> refused(int until_ms, Refusal how) {
    std::vector<int> times;
    for (; now_ms_ <= until_ms; ++now_ms_) {
      pool_.give(codel_.take(queue_, now(), [&](Packet* packet) {
        times.push_back(now_ms_);
        if (how == Refusal::dropped) pool_.give(packet);
        return how;
      }));
      while (queue_.packets() < 10) queue_.push(fresh());
      restamp();
    }
    return times;
  }
  void wait(std::int64_t waited_ns) { waited_ns_ = waited_ns; }

 private:
  Time now() const { return {now_ms_ * kMillisecond_ns}; }
  Packet* fresh() {
    Packet* packet = pool_.take();
    packet->length = 1500;
    return packet;
  }
  // What waits has waited so long when it is taken next.
  void restamp() {
    std::vector<Packet*> all;
    while (!queue_.empty()) all.push_back(queue_.pop());
    for (Packet* packet : all) {
      packet->arrived = now() + (kMillisecond_ns - waited_ns_);
      queue_.push(packet);
    }
  }

  std::int64_t waited_ns_;
  int now_ms_ = 1;
  PacketPool pool_{1500, 100};
  Queue queue_{PathOptions{}};
  Codel codel_{PathOptions{}, 1500};
};

// RFC 8289, 5.5: the k-th drop is interval / sqrt(k) after the one before. The first is an interval
// (100 ms) after the queue was first seen to stand (at 2 ms).
const std::vector<int> kFirstDrops{102, 202, 273, 331, 381};

TEST(Codel, DropsAtTheControlLawsTimes) {
  Backlog backlog(20 * kMillisecond_ns);
  EXPECT_EQ(backlog.refused(400, Refusal::dropped), kFirstDrops);
}

TEST(Codel, MarksAtTheSameTimes) {
  Backlog backlog(20 * kMillisecond_ns);
  EXPECT_EQ(backlog.refused(400, Refusal::marked), kFirstDrops);
}

TEST(Codel, NeverDropsBelowTheTarget) {
  Backlog backlog(4'999'999);
  EXPECT_EQ(backlog.refused(2000, Refusal::dropped), std::vector<int>{});
}

TEST(Codel, StopsWhenTheQueueHasDrained) {
  Backlog backlog(20 * kMillisecond_ns);
  EXPECT_EQ(backlog.refused(300, Refusal::dropped).size(), 3U);
  backlog.wait(kMillisecond_ns);
  EXPECT_EQ(backlog.refused(1000, Refusal::dropped), std::vector<int>{});
}

// RFC 8289, 5.5: dropping that begins again within 16 intervals goes on near its old pace.
TEST(Codel, BeginsAgainAtThePaceThatWasNeeded) {
  Backlog backlog(20 * kMillisecond_ns);
  const auto first = backlog.refused(1000, Refusal::dropped);
  backlog.wait(kMillisecond_ns);
  EXPECT_TRUE(backlog.refused(1100, Refusal::dropped).empty());
  backlog.wait(20 * kMillisecond_ns);
  const auto again = backlog.refused(2100, Refusal::dropped);
  ASSERT_GT(again.size(), 2U);
  EXPECT_EQ(again[0], 1202);
  EXPECT_LT(again[1] - again[0], 35);  // 100 ms / sqrt(10 and more), not 100 ms
  EXPECT_GT(again.size(), first.size());
}

std::uint16_t header_sum(const std::array<std::byte, 60>& packet) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < 20; i += 2) {
    sum += std::to_integer<unsigned>(packet[i]) << 8 | std::to_integer<unsigned>(packet[i + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);  // 0xffff with a right checksum (RFC 1071)
}

std::array<std::byte, 60> ipv4_packet(Random& random, unsigned ecn) {
  std::array<std::byte, 60> packet;
  for (std::byte& byte : packet) byte = static_cast<std::byte>(random.next());
  packet[0] = std::byte{0x45};
  packet[1] = (packet[1] & std::byte{0xfc}) | static_cast<std::byte>(ecn);
  packet[10] = packet[11] = std::byte{0};
  const unsigned checksum = ~header_sum(packet) & 0xffffU;
  packet[10] = static_cast<std::byte>(checksum >> 8);
  packet[11] = static_cast<std::byte>(checksum & 0xff);
  return packet;
}

TEST(Ecn, MarksIpv4WithItsChecksum) {
  Random random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    const auto before = ipv4_packet(random, 1 + static_cast<unsigned>(i) % 3);
    auto after = before;
    ASSERT_TRUE(mark_congestion(after)) << "seed " << kSeed;
    EXPECT_EQ(after[1], before[1] | std::byte{3});
    EXPECT_EQ(header_sum(after), 0xffff) << "seed " << kSeed << ", packet " << i;
    after[1] = before[1];
    after[10] = before[10];
    after[11] = before[11];
    EXPECT_EQ(after, before);
  }
}

TEST(Ecn, MarksIpv6AndNothingElse) {
  for (const unsigned ecn : {1U, 2U, 3U}) {
    std::array<std::byte, 60> packet{};
    packet[0] = std::byte{0x6a};
    packet[1] = static_cast<std::byte>(0x8f | ecn << 4);
    auto expected = packet;
    expected[1] = std::byte{0xbf};
    EXPECT_TRUE(mark_congestion(packet));
    EXPECT_EQ(packet, expected);
  }
}

TEST(Ecn, LeavesTheRestAlone) {
  Random random(kSeed);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> packet(random.below(64));
    for (std::byte& byte : packet) byte = static_cast<std::byte>(random.next());
    const std::vector<std::byte> before = packet;
    const bool capable = mark_congestion(packet);
    if (!capable) {
      EXPECT_EQ(packet, before) << "seed " << kSeed;
    }
    const unsigned version = packet.empty() ? 0 : std::to_integer<unsigned>(packet[0]) >> 4;
    EXPECT_TRUE(!capable || version == 4 || version == 6);
  }
  Random again(kSeed);
  auto plain = ipv4_packet(again, 0);
  const auto same = plain;
  EXPECT_FALSE(mark_congestion(plain));
  EXPECT_EQ(plain, same);
}

}  // namespace
}  // namespace zyphos::link
