// An Ethernet frame with a UDP datagram over IPv4, made its own answer where it lies: whoever takes
// frames from the kernel has no kernel that would do it. Knows no sockets and no rings.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace zyphos::datagram {

enum class Frame : std::uint8_t {
  answered,  // it is the answer now: the two ends' addresses and ports have changed places
  foreign,   // not a datagram to this port, or of a form that is the kernel's to handle: unchanged
  damaged,   // a length or a checksum is wrong: unchanged
};

inline constexpr std::size_t kHeaders_bytes = 14 + 20 + 8;  // Ethernet, IPv4 without options, UDP

// `port` in host byte order. IP options and fragments are foreign. Checksums are verified, and
// right in the answer: an exchange of addresses leaves a sum as it is (RFC 1071, 2), the new TTL
// changes that of the header, and a datagram whose sender left the sum to its network card (over
// veth there is none: the field has the pseudo header's alone) is given the whole one. A UDP
// checksum of zero, "none", stays so (RFC 768). O(bytes).
Frame answer_in_place(Bytes frame, std::uint16_t port);

// The one's complement sum of RFC 1071, 16 bits, not complemented, in the order of the bytes in
// memory. `sum` is what came before, an even number of bytes.
std::uint16_t internet_sum(ConstBytes bytes, std::uint64_t sum = 0);

}  // namespace zyphos::datagram
