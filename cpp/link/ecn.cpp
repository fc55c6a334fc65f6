#include "link/ecn.h"

#include <cstddef>
#include <cstdint>

namespace zyphos::link {
namespace {

constexpr unsigned kCongestion = 3;  // 0: not ECN-capable; 1, 2: capable
constexpr std::size_t kIpv4_bytes = 20;
constexpr std::size_t kIpv6_bytes = 40;

unsigned word_at(Bytes packet, std::size_t at) {
  return std::to_integer<unsigned>(packet[at]) << 8 | std::to_integer<unsigned>(packet[at + 1]);
}

void put_word(Bytes packet, std::size_t at, unsigned word) {
  packet[at] = static_cast<std::byte>(word >> 8);
  packet[at + 1] = static_cast<std::byte>(word & 0xff);
}

// The ECN field is the low two bits of byte 1; the checksum is at 10. RFC 1624, equation 3.
bool mark_ipv4(Bytes packet) {
  const unsigned before = word_at(packet, 0);
  if ((before & kCongestion) == 0) return false;
  const unsigned after = before | kCongestion;
  unsigned sum = (~word_at(packet, 10) & 0xffffU) + (~before & 0xffffU) + after;
  sum = (sum & 0xffffU) + (sum >> 16);
  sum = (sum & 0xffffU) + (sum >> 16);
  put_word(packet, 0, after);
  put_word(packet, 10, ~sum & 0xffffU);
  return true;
}

// The traffic class is bits 4 to 11 of the header, the ECN field its low two.
bool mark_ipv6(Bytes packet) {
  const unsigned before = word_at(packet, 0);
  if ((before >> 4 & kCongestion) == 0) return false;
  put_word(packet, 0, before | kCongestion << 4);
  return true;
}

}  // namespace

bool mark_congestion(Bytes packet) {
  if (packet.empty()) return false;
  const unsigned version = std::to_integer<unsigned>(packet[0]) >> 4;
  if (version == 4 && packet.size() >= kIpv4_bytes) return mark_ipv4(packet);
  if (version == 6 && packet.size() >= kIpv6_bytes) return mark_ipv6(packet);
  return false;
}

}  // namespace zyphos::link
