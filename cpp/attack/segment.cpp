#include "attack/segment.h"

#include <algorithm>

namespace zyphos::attack {
namespace {

constexpr std::size_t kIp_bytes = 20;
constexpr std::size_t kTcp_bytes = 20;
constexpr std::uint8_t kProtocolTcp = 6;
constexpr std::uint32_t kWindow = 64240;

void put(std::span<std::byte> at, std::uint32_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    at[i] = static_cast<std::byte>(value >> (8 * (bytes - 1 - i)));
}

std::uint32_t get(std::span<const std::byte> at, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value = value << 8 | std::to_integer<std::uint32_t>(at[i]);
  return value;
}

std::uint32_t sum(std::span<const std::byte> bytes) {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) total += get(bytes.subspan(i), 2);
  return total;
}

std::uint32_t folded(std::uint32_t total) {
  while (total >> 16 != 0) total = (total & 0xFFFF) + (total >> 16);
  return ~total & 0xFFFF;
}

}  // namespace

Packet packet_of(const Segment& segment) {
  Packet packet{};
  const std::span<std::byte> ip = std::span(packet).first(kIp_bytes);
  const std::span<std::byte> tcp = std::span(packet).subspan(kIp_bytes);
  put(ip.subspan(0), 0x45, 1);
  put(ip.subspan(2), kSegment_bytes, 2);
  put(ip.subspan(8), 64, 1);
  put(ip.subspan(9), kProtocolTcp, 1);
  put(ip.subspan(12), segment.source, 4);
  put(ip.subspan(16), segment.destination, 4);
  put(ip.subspan(10), folded(sum(ip)), 2);
  put(tcp.subspan(0), segment.source_port, 2);
  put(tcp.subspan(2), segment.destination_port, 2);
  put(tcp.subspan(4), segment.sequence, 4);
  put(tcp.subspan(8), segment.acknowledgment, 4);
  put(tcp.subspan(12), 0x50, 1);
  put(tcp.subspan(13), segment.flags, 1);
  put(tcp.subspan(14), kWindow, 2);
  const std::uint32_t pseudo = sum(ip.subspan(12)) + kProtocolTcp + kTcp_bytes;
  put(tcp.subspan(16), folded(pseudo + sum(tcp)), 2);
  return packet;
}

std::optional<Segment> segment_of(std::span<const std::byte> packet) {
  if (packet.size() < kIp_bytes) return {};
  const std::size_t ip_bytes = (get(packet, 1) & 15) * 4;
  const bool is_tcp = get(packet, 1) >> 4 == 4 && get(packet.subspan(9), 1) == kProtocolTcp;
  if (!is_tcp || packet.size() < ip_bytes + kTcp_bytes) return {};
  const std::span<const std::byte> tcp = packet.subspan(ip_bytes);
  return Segment{.source = get(packet.subspan(12), 4),
                 .destination = get(packet.subspan(16), 4),
                 .source_port = static_cast<std::uint16_t>(get(tcp, 2)),
                 .destination_port = static_cast<std::uint16_t>(get(tcp.subspan(2), 2)),
                 .sequence = get(tcp.subspan(4), 4),
                 .acknowledgment = get(tcp.subspan(8), 4),
                 .flags = static_cast<std::uint8_t>(get(tcp.subspan(13), 1))};
}

}  // namespace zyphos::attack
