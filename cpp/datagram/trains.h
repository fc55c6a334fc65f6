// The control message by which the kernel tells and is told how long the datagrams of a train are:
// UDP_GRO and UDP_SEGMENT (udp(7)).
#pragma once

#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace zyphos::datagram {

// What a train may have at most: bytes, which an IPv4 datagram could, and datagrams
// (UDP_MAX_SEGMENTS of kernels before 6.9).
inline constexpr std::size_t kTrain_bytes_max = 65507;
inline constexpr std::size_t kTrain_max = 64;

using Control = std::array<std::byte, CMSG_SPACE(sizeof(int))>;

// Of a received train; 0: it was a single datagram.
inline std::size_t segment_bytes(msghdr& message) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_UDP || at->cmsg_type != UDP_GRO) continue;
    int bytes = 0;
    std::memcpy(&bytes, CMSG_DATA(at), sizeof bytes);
    return static_cast<std::size_t>(bytes);
  }
  return 0;
}

// `control` outlives the message's sending.
inline void put_segment_bytes(msghdr& message, Control& control, std::size_t bytes) {
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(std::uint16_t));
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_UDP;
  head->cmsg_type = UDP_SEGMENT;
  head->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto value = static_cast<std::uint16_t>(bytes);
  std::memcpy(CMSG_DATA(head), &value, sizeof value);
}

}  // namespace zyphos::datagram
