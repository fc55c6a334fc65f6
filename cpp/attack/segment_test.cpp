#include "attack/segment.h"

#include <gtest/gtest.h>

namespace zyphos::attack {
namespace {

constexpr Segment kSegment{.source = 0xC6120001,
                           .destination = 0xC6120002,
                           .source_port = 40000,
                           .destination_port = 80,
                           .sequence = 0x89ABCDEF,
                           .acknowledgment = 0x01234567,
                           .flags = kSyn | kAck};

// As a receiver checks it (RFC 1071): the sum over all, checksum included, is all ones.
std::uint32_t total(std::span<const std::byte> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << 8 |
           std::to_integer<std::uint32_t>(bytes[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return sum;
}

TEST(Segment, SurvivesThePacket) { EXPECT_EQ(segment_of(packet_of(kSegment)), kSegment); }

TEST(Segment, HasTheChecksumsThatAReceiverWants) {
  const Packet packet = packet_of(kSegment);
  const auto all = std::span(packet);
  EXPECT_EQ(total(all.first(20)), 0xFFFFU);
  const std::uint32_t pseudo = total(all.subspan(12, 8)) + 6 + 20;
  EXPECT_EQ(total(all.subspan(20), pseudo), 0xFFFFU);
}

TEST(Segment, OnlyWholeTcpHeadersOfIpv4AreRead) {
  Packet packet = packet_of(kSegment);
  for (std::size_t size = 0; size < packet.size(); ++size)
    EXPECT_FALSE(segment_of(std::span(packet).first(size))) << size;
  packet[9] = std::byte{17};
  EXPECT_FALSE(segment_of(packet));
  packet = packet_of(kSegment);
  packet[0] = std::byte{0x65};
  EXPECT_FALSE(segment_of(packet));
}

}  // namespace
}  // namespace zyphos::attack
