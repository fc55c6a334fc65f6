// Frames made their own answers: addresses changed places, checksums right, and what is not to be
// answered left as it was. The sums are held against ones made in another way (one 16-bit word
// after the other).
#include "datagram/frame.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"

namespace zyphos::datagram {
namespace {

using Octets = std::vector<std::byte>;

constexpr std::uint16_t kPort = 7000;

std::uint16_t word(const Octets& frame, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(frame[at]) << 8 |
                                    std::to_integer<unsigned>(frame[at + 1]));
}
void put(Octets& frame, std::size_t at, unsigned value) {
  frame[at] = static_cast<std::byte>(value >> 8);
  frame[at + 1] = static_cast<std::byte>(value);
}

// The plain sum of words in network order, folded at the end.
unsigned plain_sum(const Octets& frame, std::size_t from, std::size_t bytes, unsigned sum = 0) {
  for (std::size_t at = 0; at < bytes; at += 2) {
    const bool last = at + 1 == bytes;
    sum += last ? std::to_integer<unsigned>(frame[from + at]) << 8 : word(frame, from + at);
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return sum;
}
unsigned pseudo_sum(const Octets& frame) { return plain_sum(frame, 26, 8, 17U + word(frame, 38)); }
unsigned udp_sum(const Octets& frame) {
  return plain_sum(frame, 34, word(frame, 38), pseudo_sum(frame));
}

enum class Sum : std::uint8_t { whole, partial, none };

Octets frame_of(std::size_t payload, Sum sum, Random& random) {
  Octets frame(kHeaders_bytes + payload);
  for (std::byte& octet : frame) octet = static_cast<std::byte>(random.next());
  put(frame, 12, 0x0800);
  frame[14] = std::byte{0x45};
  put(frame, 16, static_cast<unsigned>(28 + payload));
  put(frame, 20, 0x4000);  // do not fragment
  frame[23] = std::byte{17};
  put(frame, 24, 0);
  put(frame, 36, kPort);
  put(frame, 38, static_cast<unsigned>(8 + payload));
  put(frame, 40, 0);
  put(frame, 24, ~plain_sum(frame, 14, 20) & 0xFFFF);
  if (sum == Sum::partial) put(frame, 40, plain_sum(frame, 0, 0, pseudo_sum(frame)));
  if (sum == Sum::whole) {
    const unsigned value = ~udp_sum(frame) & 0xFFFF;
    put(frame, 40, value == 0 ? 0xFFFF : value);
  }
  return frame;
}

TEST(Frame, AnAnswerHasTheEndsExchangedAndItsSumsRight) {
  Random random(17);
  for (std::size_t payload = 0; payload < 200; ++payload) {
    const Octets before = frame_of(payload, Sum::whole, random);
    Octets frame = before;
    ASSERT_EQ(answer_in_place(frame, kPort), Frame::answered) << payload;
    EXPECT_EQ(std::memcmp(&frame[0], &before[6], 6), 0);
    EXPECT_EQ(std::memcmp(&frame[6], &before[0], 6), 0);
    EXPECT_EQ(std::memcmp(&frame[26], &before[30], 4), 0);
    EXPECT_EQ(std::memcmp(&frame[30], &before[26], 4), 0);
    EXPECT_EQ(word(frame, 34), kPort);
    EXPECT_EQ(word(frame, 36), word(before, 34));
    EXPECT_EQ(frame[22], std::byte{64});
    EXPECT_EQ(plain_sum(frame, 14, 20), 0xFFFFU);
    EXPECT_EQ(udp_sum(frame), 0xFFFFU) << payload;
    EXPECT_TRUE(std::equal(frame.begin() + 42, frame.end(), before.begin() + 42));
  }
}

TEST(Frame, ASumLeftToTheCardIsMade) {
  Random random(18);
  for (std::size_t payload = 0; payload < 200; ++payload) {
    Octets frame = frame_of(payload, Sum::partial, random);
    ASSERT_EQ(answer_in_place(frame, kPort), Frame::answered) << payload;
    EXPECT_NE(word(frame, 40), 0);
    EXPECT_EQ(udp_sum(frame), 0xFFFFU) << payload;
  }
}

TEST(Frame, NoSumStaysNone) {
  Random random(19);
  Octets frame = frame_of(64, Sum::none, random);
  ASSERT_EQ(answer_in_place(frame, kPort), Frame::answered);
  EXPECT_EQ(word(frame, 40), 0);
}

TEST(Frame, PaddingBehindTheDatagramIsNoPartOfIt) {
  Random random(20);
  Octets frame = frame_of(2, Sum::whole, random);
  frame.resize(60, std::byte{0xAA});
  ASSERT_EQ(answer_in_place(frame, kPort), Frame::answered);
  EXPECT_EQ(udp_sum(frame), 0xFFFFU);
}

TEST(Frame, EveryFlippedBitOfADatagramIsSeen) {
  Random random(21);
  const Octets before = frame_of(33, Sum::whole, random);
  for (std::size_t bit = 14 * 8; bit < before.size() * 8; ++bit) {
    Octets frame = before;
    frame[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    const Octets flipped = frame;
    EXPECT_NE(answer_in_place(frame, kPort), Frame::answered) << "bit " << bit;
    EXPECT_EQ(frame, flipped) << "bit " << bit;
  }
}

TEST(Frame, LengthsThatDoNotFitAreDamage) {
  Random random(22);
  Octets longer = frame_of(40, Sum::none, random);
  longer.pop_back();
  EXPECT_EQ(answer_in_place(longer, kPort), Frame::damaged);
  Octets lying = frame_of(40, Sum::none, random);
  put(lying, 38, 7);
  EXPECT_EQ(answer_in_place(lying, kPort), Frame::damaged);
  put(lying, 38, 49);
  EXPECT_EQ(answer_in_place(lying, kPort), Frame::damaged);
}

TEST(Frame, WhatIsNotOursIsForeign) {
  Random random(23);
  const Octets ours = frame_of(40, Sum::whole, random);
  const auto after = [&ours](std::size_t at, unsigned value) {
    Octets frame = ours;
    put(frame, at, value);
    return answer_in_place(frame, kPort);
  };
  EXPECT_EQ(after(12, 0x86DD), Frame::foreign);      // IPv6
  EXPECT_EQ(after(20, 0x2000), Frame::foreign);      // a first fragment
  EXPECT_EQ(after(20, 0x0010), Frame::foreign);      // a later one
  EXPECT_EQ(after(36, kPort + 1U), Frame::foreign);  // another port
  Octets options = ours;
  options[14] = std::byte{0x46};
  EXPECT_EQ(answer_in_place(options, kPort), Frame::foreign);
  Octets tcp = ours;
  tcp[23] = std::byte{6};
  EXPECT_EQ(answer_in_place(tcp, kPort), Frame::foreign);
  for (std::size_t size = 0; size < kHeaders_bytes; ++size) {
    Octets cut(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(answer_in_place(cut, kPort), Frame::foreign) << size;
  }
}

}  // namespace
}  // namespace zyphos::datagram
