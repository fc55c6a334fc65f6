// The whole emulator, between two real namespaces with real sockets. Skipped, with the reason,
// where the process may not make them.
#include "link/emulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "link/namespaces_fixture.h"
#include "net/clock.h"

namespace zyphos::link {
namespace {

constexpr std::uint16_t kPort = 7000;
constexpr std::uint64_t kSeed = 20260903;
// How long a packet that must come may take on a busy machine.
constexpr int kPatience_ms = 20'000;

class EmulatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = cannot_test()) GTEST_SKIP() << *reason;
  }
};

// A UDP socket of the left end to the right one's, and that one.
struct Pair {
  Fd left;
  Fd right;
  explicit Pair(const LinkRig& rig)
      : left(rig.left.socket(AF_INET, SOCK_DGRAM)), right(rig.right.socket(AF_INET, SOCK_DGRAM)) {
    const sockaddr_in here = address_of(kLeft, kPort);
    const sockaddr_in there = address_of(kRight, kPort);
    const auto* here_any = reinterpret_cast<const sockaddr*>(&here);
    const auto* there_any = reinterpret_cast<const sockaddr*>(&there);
    throw_if(bind(left.get(), here_any, sizeof here) != 0, "bind left");
    throw_if(bind(right.get(), there_any, sizeof there) != 0, "bind right");
    throw_if(connect(left.get(), there_any, sizeof there) != 0, "connect left");
    throw_if(connect(right.get(), here_any, sizeof here) != 0, "connect right");
  }
};

void send_number(const Fd& socket, std::uint32_t number) {
  throw_if(send(socket.get(), &number, sizeof number, 0) != sizeof number, "send");
}

bool comes(const Fd& socket, int patience_ms) {
  pollfd ready{socket.get(), POLLIN, 0};
  return poll(&ready, 1, patience_ms) == 1;
}

// UINT32_MAX when none comes.
std::uint32_t receive_number(const Fd& socket) {
  std::uint32_t number = UINT32_MAX;
  if (!comes(socket, kPatience_ms)) return UINT32_MAX;
  throw_if(recv(socket.get(), &number, sizeof number, 0) != sizeof number, "recv");
  return number;
}

using Numbers = std::vector<std::uint32_t>;

Numbers receive_numbers(const Fd& socket, std::size_t count) {
  Numbers numbers;
  while (numbers.size() < count) {
    numbers.push_back(receive_number(socket));
    if (numbers.back() == UINT32_MAX) break;
  }
  return numbers;
}

TEST_F(EmulatorTest, ARoundTripTakesBothDelays) {
  EmulatorOptions options;
  options.forward.delay_ns = 5 * kMillisecond_ns;
  options.backward.delay_ns = 5 * kMillisecond_ns;
  LinkRig rig(options);
  const Pair udp(rig);
  for (std::uint32_t i = 0; i < 20; ++i) {
    const Time start = clock_now();
    send_number(udp.left, i);
    ASSERT_EQ(receive_number(udp.right), i);
    EXPECT_GE(clock_now() - start, 5 * kMillisecond_ns);
    send_number(udp.right, i);
    ASSERT_EQ(receive_number(udp.left), i);
    EXPECT_GE(clock_now() - start, 10 * kMillisecond_ns);
  }
  const auto board = rig.stop();
  for (const Direction way : {Direction::forward, Direction::backward}) {
    EXPECT_EQ(value_of(board, way, LinkCounter::packets), 20U);  // the kernel adds none of its own
    EXPECT_EQ(value_of(board, way, LinkCounter::bytes), 20U * 32U);
    EXPECT_EQ(value_of(board, way, LinkCounter::delivered_packets), 20U);
  }
  EXPECT_EQ(board.forward_late_ns.count(), 20U);
  EXPECT_EQ(board.backward_late_ns.count(), 20U);
  // The write is within the lateness, and no packet is handed over before it is due.
  EXPECT_EQ(board.forward_handed_late_ns.count(), 20U);
  EXPECT_EQ(board.backward_handed_late_ns.count(), 20U);
  EXPECT_LE(board.forward_handed_late_ns.mean_ns(), board.forward_late_ns.mean_ns());
}

TEST_F(EmulatorTest, LosesByIndexInOneDirectionOnly) {
  EmulatorOptions options;
  options.forward.loss_law = LossLaw::index;
  options.forward.loss_indices = {3, 7};
  LinkRig rig(options);
  const Pair udp(rig);
  for (std::uint32_t i = 1; i <= 10; ++i) {
    send_number(udp.left, i);
    send_number(udp.right, i);
  }
  EXPECT_EQ(receive_numbers(udp.right, 8), (Numbers{1, 2, 4, 5, 6, 8, 9, 10}));
  EXPECT_EQ(receive_numbers(udp.left, 10), (Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  const auto board = rig.stop();
  EXPECT_EQ(value_of(board, Direction::forward, LinkCounter::dropped_loss), 2U);
  EXPECT_EQ(value_of(board, Direction::backward, LinkCounter::dropped_loss), 0U);
}

TEST_F(EmulatorTest, DuplicatesAndReorders) {
  EmulatorOptions options;
  options.forward.duplicate = 1.0;
  options.backward.delay_ns = kSecond_ns;
  options.backward.reorder = 1.0;
  options.backward.reorder_gap = 3;
  LinkRig rig(options);
  const Pair udp(rig);
  for (std::uint32_t i = 1; i <= 3; ++i) {
    send_number(udp.left, i);
    send_number(udp.right, i);
  }
  EXPECT_EQ(receive_numbers(udp.right, 6), (Numbers{1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(receive_numbers(udp.left, 3), (Numbers{3, 1, 2}));
}

// More than kTurn packets in one direction, with a rate that makes most of them wait, while the
// other direction answers.
TEST_F(EmulatorTest, OneDirectionNeverBlocksTheOther) {
  EmulatorOptions options;
  options.forward.rate_bits_per_second = 8'000;  // a packet of 32 bytes: 32 ms
  LinkRig rig(options);
  const Pair udp(rig);
  for (std::uint32_t i = 0; i < 500; ++i) send_number(udp.left, i);  // 16 s of the line's time
  for (std::uint32_t i = 0; i < 20; ++i) {
    send_number(udp.right, i);
    ASSERT_EQ(receive_number(udp.left), i);
  }
  const auto board = rig.stop();
  EXPECT_LT(value_of(board, Direction::forward, LinkCounter::delivered_packets), 500U);
}

TEST_F(EmulatorTest, WritesThatFailAreCounted) {
  const Namespace left;
  const Namespace right;
  const Tun from({.netns = left.path(), .name = "zy-left"});
  const Tun to({.netns = right.path(), .name = "zy-right"});  // stays down
  LinkBoard board;
  Emulator emulator({}, from, to, board);
  bring_up(left, "zy-left", kLeft);
  const Fd stop(eventfd(0, EFD_CLOEXEC));
  std::thread thread([&] { emulator.run({stop.get(), -1}); });
  const Fd socket = left.socket(AF_INET, SOCK_DGRAM);
  const sockaddr_in there = address_of(kRight, kPort);
  sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&there), sizeof there);
  const Time until = clock_now() + kPatience_ms * kMillisecond_ns;
  const auto failed = [&] {
    return board.counters().value(Direction::forward, LinkCounter::write_failed);
  };
  while (failed() == 0 && clock_now() < until) std::this_thread::yield();
  eventfd_write(stop.get(), 1);
  thread.join();
  EXPECT_EQ(failed(), 1U);
  EXPECT_EQ(board.counters().value(Direction::forward, LinkCounter::delivered_packets), 0U);
}

TEST_F(EmulatorTest, ANameThatIsTakenIsSaid) {
  const Namespace one;
  const Tun first({.netns = one.path(), .name = "zy-twice"});
  try {
    const Tun second({.netns = one.path(), .name = "zy-twice"});
    FAIL() << "a second interface of that name";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("ip link del zy-twice"), std::string::npos);
  }
}

TEST(Tun, WhatIsNoNamespaceIsSaid) {
  try {
    const Tun tun({.netns = "/nowhere/at/all", .name = "zy-never"});
    FAIL() << "made in no namespace";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/at/all"), std::string::npos);
  }
}

// Raw bytes into an interface, past its IP layer.
void flood_with_noise(const Namespace& where, const std::string& name, std::uint64_t seed) {
  const Fd socket = where.socket(AF_PACKET, SOCK_RAW, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  where.inside([&] { to.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str())); });
  Random random(seed);
  std::array<unsigned char, 1500> bytes{};
  for (int i = 0; i < 3000; ++i) {
    const std::size_t length = 1 + random.below(i % 3 == 0 ? 1500 : 48);
    for (std::size_t b = 0; b < length; ++b) bytes[b] = static_cast<unsigned char>(random.next());
    if (i % 2 == 0) bytes[0] = static_cast<unsigned char>(i % 4 == 0 ? 0x45 : 0x60);
    const auto* any = reinterpret_cast<const sockaddr*>(&to);
    sendto(socket.get(), bytes.data(), length, 0, any, sizeof to);
  }
}

TEST_F(EmulatorTest, NoiseNeverBreaksIt) {
  EmulatorOptions options;
  for (PathOptions* path : {&options.forward, &options.backward}) {
    path->jitter_ns = 100'000;
    path->duplicate = 0.1;
    path->loss = 0.1;
    path->corrupt = 0.1;
    path->ecn = true;
    path->aqm = Aqm::codel;
    path->rate_bits_per_second = 1'000'000'000;
    path->queue_packets = 100;
  }
  LinkRig rig(options);
  flood_with_noise(rig.left, "zy-left", kSeed);
  flood_with_noise(rig.right, "zy-right", kSeed + 1);
  const Pair udp(rig);
  std::size_t seen = 0;
  for (std::uint32_t i = 0; i < 10'000 && seen < 50; ++i) {
    send_number(udp.left, i);
    if (!comes(udp.right, 1)) continue;
    receive_number(udp.right);
    ++seen;
  }
  EXPECT_EQ(seen, 50U) << "seed " << kSeed;
  const auto board = rig.stop();
  for (const Direction way : {Direction::forward, Direction::backward}) {
    const auto count = [&](LinkCounter counter) { return value_of(board, way, counter); };
    // The interface holds 1,000 of the 3,000 where the emulator does not come to read meanwhile.
    EXPECT_GE(count(LinkCounter::packets), 1000U);
    EXPECT_GT(count(LinkCounter::write_failed), 50U);  // no IP packets
    EXPECT_GT(count(LinkCounter::delivered_packets), 50U);
  }
}

}  // namespace
}  // namespace zyphos::link
