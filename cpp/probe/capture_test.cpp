// The capture's pieces: the filter over real packets of the loopback interface, the file's layout.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "net/fd.h"
#include "net/socket.h"
#include "probe/packet_ring.h"

namespace zyphos {
namespace {

// A UDP socket of the loopback interface that sends to itself.
struct Own {
  explicit Own(const char* host) : fd(socket(family(host), SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any(*Address::parse(host, 0));
    EXPECT_EQ(bind(fd.get(), &any.generic, any.size), 0);
    address = local_address(fd.get());
  }
  static int family(const char* host) { return std::strchr(host, ':') ? AF_INET6 : AF_INET; }
  void send(const std::string& text) const {
    const SocketAddress to(address);
    EXPECT_EQ(sendto(fd.get(), text.data(), text.size(), 0, &to.generic, to.size),
              static_cast<ssize_t>(text.size()));
  }
  Fd fd;
  Address address;
};

struct Seen {
  std::uint32_t wire_bytes;
  std::size_t kept_bytes;
  bool outgoing;
};

// All that passed, once the intake is closed.
std::vector<Seen> all_of(PacketRing& ring) {
  ring.close_intake();
  const PacketRing::Counts counts = ring.counts();
  std::vector<Seen> seen;
  while (seen.size() < counts.received - counts.dropped) {
    pollfd readable{ring.fd(), POLLIN, 0};
    poll(&readable, 1, -1);
    ring.drain([&](const Pcapng::Packet& packet) {
      seen.push_back({packet.wire_bytes, packet.data.size(), packet.outgoing});
      return true;
    });
  }
  return seen;
}

class Ring : public testing::TestWithParam<const char*> {};

TEST_P(Ring, KeepsEachPacketOfThePortOnceAndCut) {
  const Own wanted(GetParam());
  const Own other(GetParam());
  auto ring = PacketRing::open({.port = wanted.address.port, .snap_bytes = 70});
  if (!ring) GTEST_SKIP() << ring.error();
  other.send("not this one");
  wanted.send("short");
  wanted.send(std::string(3000, 'x'));
  const std::uint32_t headers = 14 + 8 + (std::strchr(GetParam(), ':') ? 40 : 20);
  const std::vector<Seen> seen = all_of(*ring);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].wire_bytes, headers + 5);
  EXPECT_EQ(seen[0].kept_bytes, headers + 5);
  EXPECT_EQ(seen[1].wire_bytes, headers + 3000);
  EXPECT_EQ(seen[1].kept_bytes, 70U);
  EXPECT_FALSE(seen[0].outgoing);
}

INSTANTIATE_TEST_SUITE_P(Families, Ring, testing::Values("127.0.0.1", "::1"));

TEST(PacketRing, SaysWhatIsWrong) {
  const auto missing = PacketRing::open({.interface = "zy-no-such"});
  ASSERT_FALSE(missing);
  const bool rights = missing.error().find("CAP_NET_RAW") != std::string::npos;
  EXPECT_TRUE(rights || missing.error().find("zy-no-such") != std::string::npos) << missing.error();
  const auto nowhere = PacketRing::open({.netns = "/run/netns/zy-no-such"});
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().find("/run/netns/zy-no-such"), std::string::npos);
}

TEST(PacketRing, StopsWhereItIsTold) {
  const Own own("127.0.0.1");
  auto ring = PacketRing::open({.port = own.address.port});
  if (!ring) GTEST_SKIP() << ring.error();
  for (int i = 0; i < 5; ++i) own.send("again");
  std::uint64_t kept = 0;
  while (kept < 2) {
    pollfd readable{ring->fd(), POLLIN, 0};
    poll(&readable, 1, -1);
    ring->drain([&](const Pcapng::Packet&) { return ++kept < 2; });
  }
  EXPECT_EQ(kept, 2U);
  EXPECT_EQ(ring->drain([](const Pcapng::Packet&) { return true; }), 0U);
}

std::uint32_t word(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Types of the blocks, each of which says its length at both ends.
std::vector<std::uint32_t> blocks_of(const std::string& bytes) {
  std::vector<std::uint32_t> types;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint32_t size = word(bytes, at + 4);
    EXPECT_EQ(size % 4, 0U);
    EXPECT_EQ(word(bytes, at + size - 4), size);
    types.push_back(word(bytes, at));
    at += size;
  }
  return types;
}

TEST(Pcapng, WritesBlocksThatClose) {
  Pcapng file({.name = "lo", .snap_bytes = 128, .filter = "tcp port 1", .comment = "odd"});
  for (const std::string text : {"", "1", "22", "333", "4444"}) {
    file.add({.time_ns = 1, .wire_bytes = 9, .data = as_bytes(text)});
  }
  file.add_statistics(2, 5, 0);
  EXPECT_EQ(blocks_of(file.bytes()), (std::vector<std::uint32_t>{0x0A0D0D0A, 1, 6, 6, 6, 6, 6, 5}));
}

}  // namespace
}  // namespace zyphos
