// TCP segments made by hand, as an attacker makes them: no options, no payload, any source. IPv4.
// Pure functions; sending them is its callers' business, who do it in a run's own namespaces alone.
// Source: RFC 791, RFC 9293 3.1, RFC 1071 (checksum).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace zyphos::attack {

inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::size_t kSegment_bytes = 40;

// Addresses and ports are in host byte order.
struct Segment {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0;

  friend bool operator==(const Segment&, const Segment&) = default;
};

using Packet = std::array<std::byte, kSegment_bytes>;

// With both checksums.
Packet packet_of(const Segment& segment);

// The headers of an IPv4 packet that holds a whole TCP header; nothing for any other.
std::optional<Segment> segment_of(std::span<const std::byte> packet);

}  // namespace zyphos::attack
