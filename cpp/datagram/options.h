// How a datagram is answered and how the load of datagrams is offered. Names are those of the
// command line (cpp/tool/datagram_words.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/time.h"

namespace zyphos::datagram {

// By what the server receives and sends. Order: kByNames.
enum class By : std::uint8_t {
  recvmsg,   // a call for each datagram, and one for its answer
  recvmmsg,  // a call for up to `batch` of them, and one for the answers
  gro,       // a call for a train of equal ones (UDP_GRO), and one for its answer (UDP_SEGMENT)
  uring,     // io_uring: one multishot recvmsg; all answers of a turn go in with the next wait
  packet,    // AF_PACKET: frames in rings that the kernel shares (PACKET_MMAP, TPACKET_V2)
  xdp,       // AF_XDP: frames in memory that an XDP program sends them to
};
inline constexpr std::array<std::string_view, 6> kByNames{"recvmsg", "recvmmsg", "gro",
                                                          "uring",   "packet",   "xdp"};

enum class XdpMode : std::uint8_t {
  skb,     // generic: behind the driver, on any interface
  native,  // in the driver, where it can
};
inline constexpr std::array<std::string_view, 2> kXdpModeNames{"skb", "native"};

enum class XdpCopy : std::uint8_t {
  any,       // zero-copy where the driver can, else copies
  copy,      // a frame is copied between the driver's memory and ours
  zerocopy,  // the driver uses our memory; where it cannot, there is no server
};
inline constexpr std::array<std::string_view, 3> kXdpCopyNames{"any", "copy", "zerocopy"};

struct XdpOptions {
  XdpMode mode = XdpMode::native;
  XdpCopy copy = XdpCopy::any;
  bool need_wakeup = true;      // the kernel says when it has to be called
  std::uint32_t frames = 2048;  // of 2 KiB each, for both ways; a power of two
  std::uint32_t queue = 0;      // of the interface
};

struct AnswerOptions {
  By by = By::recvmsg;
  Address address{};
  std::string interface{};    // packet and xdp: where the frames come in
  unsigned batch = 64;        // datagrams that are answered at once, at most
  unsigned busy_poll_us = 0;  // SO_BUSY_POLL, preferred; 0: no
  bool spin = false;          // looks again in place of sleeping
  XdpOptions xdp{};
};

// How the load is sent. Order: kSendNames.
enum class Send : std::uint8_t {
  mmsg,  // sendmmsg and recvmmsg
  gso,   // trains: UDP_SEGMENT, and UDP_GRO for the answers
};
inline constexpr std::array<std::string_view, 2> kSendNames{"mmsg", "gso"};

struct AskOptions {
  Address address{};
  Send send = Send::mmsg;
  std::uint64_t message_bytes = 64;
  unsigned in_flight = 64;                     // datagrams without an answer, at most
  unsigned batch = 32;                         // sent by one call, at most
  std::optional<double> rate_per_second = {};  // empty: closed, whatever `in_flight` lets
  bool spin = false;                           // looks again in place of sleeping
  std::int64_t warmup_ns = 100 * kMillisecond_ns;
  std::int64_t window_ns = kSecond_ns;
  std::int64_t interval_ns = 0;  // 0: the whole window is one interval
  std::int64_t deadline_ns = kSecond_ns;
};

inline constexpr std::uint64_t kMessage_bytes_min = 16;    // message.h's head
inline constexpr std::uint64_t kMessage_bytes_max = 1472;  // what an MTU of 1500 takes over IPv4
inline constexpr unsigned kBatch_max = 256;
inline constexpr unsigned kInFlight_max = 4096;

// Empty: fine. Else one line, what is wrong.
std::string complaint(const AnswerOptions& options);
std::string complaint(const AskOptions& options);

}  // namespace zyphos::datagram
