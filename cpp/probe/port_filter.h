// A classic BPF program for a packet socket: TCP and UDP from or to one port, over IPv4 or IPv6.
// It knows no interface: offsets count from the network header, so that it fits Ethernet, loopback
// and TUN alike.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace zyphos {

struct PortFilter {
  std::uint16_t port = 0;          // 0: every packet
  std::uint32_t snap_bytes = 128;  // of a packet that passes, so much is kept
  bool skip_outgoing = false;      // loopback shows each packet twice: once leaving, once arriving
};

// At most 30 instructions. Not seen: fragments behind the first, ports behind IPv6 extension
// headers. Source: Documentation/networking/filter.rst, include/uapi/linux/filter.h.
std::vector<sock_filter> port_filter(const PortFilter& wanted);

// Lets nothing through.
std::vector<sock_filter> closed_filter();

}  // namespace zyphos
