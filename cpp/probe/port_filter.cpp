#include "probe/port_filter.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

namespace zyphos {
namespace {

constexpr auto kAncillary = static_cast<std::uint32_t>(SKF_AD_OFF);
constexpr auto kNetwork = static_cast<std::uint32_t>(SKF_NET_OFF);
constexpr std::uint32_t kIpv6HeaderBytes = 40;
constexpr std::uint32_t kFragmentOffset = 0x1fff;

constexpr std::uint16_t kLoadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr std::uint16_t kLoadHalf = BPF_LD | BPF_H | BPF_ABS;
constexpr std::uint16_t kLoadByte = BPF_LD | BPF_B | BPF_ABS;
constexpr std::uint16_t kLoadHalfAtX = BPF_LD | BPF_H | BPF_IND;
constexpr std::uint16_t kEquals = BPF_JMP | BPF_JEQ | BPF_K;
constexpr std::uint16_t kHasAny = BPF_JMP | BPF_JSET | BPF_K;
constexpr std::uint16_t kReturn = BPF_RET | BPF_K;

using Program = std::vector<sock_filter>;

// Jumps are distances from the next instruction. Every piece ends by returning, so that pieces can
// stand behind each other without knowing what follows.

// A holds the transport protocol: returns 0 unless it is TCP or UDP.
void tcp_or_udp(Program& out) {
  out.push_back({kEquals, 2, 0, IPPROTO_TCP});
  out.push_back({kEquals, 1, 0, IPPROTO_UDP});
  out.push_back({kReturn, 0, 0, 0});
}

// X is the length of the network header: the packet's end, accepted where a port is the wanted one.
void ports(Program& out, const PortFilter& wanted) {
  out.push_back({kLoadHalfAtX, 0, 0, kNetwork});
  out.push_back({kEquals, 2, 0, wanted.port});
  out.push_back({kLoadHalfAtX, 0, 0, kNetwork + 2});
  out.push_back({kEquals, 0, 1, wanted.port});
  out.push_back({kReturn, 0, 0, wanted.snap_bytes});
  out.push_back({kReturn, 0, 0, 0});
}

Program ipv4(const PortFilter& wanted) {
  Program out{{kLoadHalf, 0, 0, kNetwork + 6},
              {kHasAny, 0, 1, kFragmentOffset},
              {kReturn, 0, 0, 0},
              {kLoadByte, 0, 0, kNetwork + 9}};
  tcp_or_udp(out);
  out.push_back({BPF_LDX | BPF_B | BPF_MSH, 0, 0, kNetwork});
  ports(out, wanted);
  return out;
}

Program ipv6(const PortFilter& wanted) {
  Program out{{kLoadByte, 0, 0, kNetwork + 6}};
  tcp_or_udp(out);
  out.push_back({BPF_LDX | BPF_W | BPF_IMM, 0, 0, kIpv6HeaderBytes});
  ports(out, wanted);
  return out;
}

// `piece` runs where A is `value`; otherwise what is added next.
void where(Program& out, std::uint32_t value, const Program& piece) {
  out.push_back({kEquals, 0, static_cast<std::uint8_t>(piece.size()), value});
  out.insert(out.end(), piece.begin(), piece.end());
}

}  // namespace

Program port_filter(const PortFilter& wanted) {
  Program out;
  if (wanted.skip_outgoing) {
    out.push_back({kLoadWord, 0, 0, kAncillary + SKF_AD_PKTTYPE});
    where(out, PACKET_OUTGOING, {{kReturn, 0, 0, 0}});
  }
  if (wanted.port == 0) {
    out.push_back({kReturn, 0, 0, wanted.snap_bytes});
    return out;
  }
  out.push_back({kLoadWord, 0, 0, kAncillary + SKF_AD_PROTOCOL});
  where(out, ETH_P_IP, ipv4(wanted));
  where(out, ETH_P_IPV6, ipv6(wanted));
  out.push_back({kReturn, 0, 0, 0});
  return out;
}

Program closed_filter() { return {{kReturn, 0, 0, 0}}; }

}  // namespace zyphos
