#include "datagram/frame.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace zyphos::datagram {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIp = 20;
constexpr std::size_t kUdp = 8;
constexpr std::byte kTtl{64};  // as the kernel's own (net.ipv4.ip_default_ttl)
constexpr std::byte kProtocolUdp{17};

std::uint16_t swapped(std::uint16_t value) {
  return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

// As it lies in memory, and in host byte order.
std::uint16_t raw16(const std::byte* at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}
std::uint16_t read16(const std::byte* at) { return swapped(raw16(at)); }
void put16(std::byte* at, std::uint16_t raw) { std::memcpy(at, &raw, sizeof raw); }

// What lies at the places of RFC 791 and 768 within a frame.
struct View {
  std::byte* ethernet;
  std::byte* ip;
  std::byte* udp;
  std::size_t udp_bytes;
};

bool is_ours(const Bytes frame, std::uint16_t port) {
  const std::byte* ip = frame.data() + kEthernet;
  const bool ipv4 = read16(frame.data() + 12) == 0x0800 && ip[0] == std::byte{0x45};
  const bool whole = (read16(ip + 6) & 0x3FFF) == 0;  // neither "more fragments" nor an offset
  return ipv4 && whole && ip[9] == kProtocolUdp && read16(ip + kIp + 2) == port;
}

// The sum of the pseudo header, as it lies in memory.
std::uint64_t pseudo_header(const View& view) {
  return std::uint64_t{internet_sum({view.ip + 12, 8})} + swapped(17) +
         swapped(static_cast<std::uint16_t>(view.udp_bytes));
}

std::uint16_t folded(std::uint64_t sum) { return internet_sum({}, sum); }

// Whether the datagram's sum is right, or not yet made, which it is then.
bool complete(const View& view) {
  const std::uint16_t field = raw16(view.udp + 6);
  if (field == 0) return true;
  const std::uint64_t pseudo = pseudo_header(view);
  const ConstBytes datagram{view.udp, view.udp_bytes};
  const std::uint16_t whole = internet_sum(datagram, pseudo);
  if (whole == 0xFFFF) return true;
  if (field != folded(pseudo)) return false;
  // The field, which is in the sum already, stands for the pseudo header.
  const auto sum = static_cast<std::uint16_t>(~internet_sum(datagram));
  put16(view.udp + 6, sum == 0 ? std::uint16_t{0xFFFF} : sum);
  return true;
}

void exchange(std::byte* one, std::byte* other, std::size_t bytes) {
  std::swap_ranges(one, one + bytes, other);
}

void turn_round(const View& view) {
  exchange(view.ethernet, view.ethernet + 6, 6);
  exchange(view.ip + 12, view.ip + 16, 4);
  exchange(view.udp, view.udp + 2, 2);
  view.ip[8] = kTtl;
  put16(view.ip + 10, 0);
  put16(view.ip + 10, static_cast<std::uint16_t>(~internet_sum({view.ip, kIp})));
}

}  // namespace

std::uint16_t internet_sum(ConstBytes bytes, std::uint64_t sum) {
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 4; at += 4, left -= 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    sum += word;
  }
  if (left > 0) {
    std::uint32_t rest = 0;
    std::memcpy(&rest, at, left);
    sum += rest;
  }
  while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

Frame answer_in_place(Bytes frame, std::uint16_t port) {
  if (frame.size() < kHeaders_bytes || !is_ours(frame, port)) return Frame::foreign;
  std::byte* ip = frame.data() + kEthernet;
  const View view{frame.data(), ip, ip + kIp, read16(ip + kIp + 4)};
  const std::size_t ip_bytes = read16(ip + 2);
  const bool fits = ip_bytes <= frame.size() - kEthernet && view.udp_bytes >= kUdp &&
                    ip_bytes >= kIp && view.udp_bytes == ip_bytes - kIp;
  if (!fits || internet_sum({ip, kIp}) != 0xFFFF || !complete(view)) return Frame::damaged;
  turn_round(view);
  return Frame::answered;
}

}  // namespace zyphos::datagram
