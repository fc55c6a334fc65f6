// The kernel's own figures of TCP sockets on one port, over sock_diag netlink: what
// getsockopt(TCP_INFO) gives, for sockets of any process, without touching them.
//
// Sees one network namespace: its own thread's or the one named. Knows no windows: the caller
// matches two dumps by cookie and subtracts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

struct nlmsghdr;

namespace zyphos {

// One connected TCP socket. Counters run since the socket was made. A field that the running kernel
// does not give (its tcp_info is shorter than the header's) is empty, never zero.
struct TcpSocket {
  std::uint64_t cookie = 0;  // names the socket for as long as the kernel runs
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  bool ipv6 = false;
  std::string congestion;  // "cubic", "bbr", ...; empty where not reported
  std::optional<std::uint64_t> segs_out, segs_in, data_segs_out, data_segs_in;
  std::optional<std::uint64_t> bytes_acked, bytes_received, bytes_retransmitted;
  std::optional<std::uint64_t> retransmits, delivered, reordering_seen;
  std::optional<std::uint64_t> rtt_ns, rtt_variance_ns,
      rtt_min_ns;                               // smoothed; the kernel keeps us
  std::optional<std::uint64_t> cwnd;            // segments
  std::optional<std::uint64_t> ack_timeout_ns;  // the delayed-ACK timer (ato)
  std::optional<std::uint64_t> busy_ns, window_limited_ns, sndbuf_limited_ns;
};

// What one TCP socket holds, in any state. Of a listener `receive_queue` is the connections that
// wait to be accepted and `send_queue` the most that may; of others bytes not yet read by the
// program, and bytes not yet acknowledged by the peer.
struct SocketQueues {
  std::uint64_t cookie = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint8_t state = 0;  // as include/net/tcp_states.h: 1 established ... 10 listen
  std::uint64_t receive_queue = 0;
  std::uint64_t send_queue = 0;
  // The kernel's memory of its buffers, allotted but unused included; not of TIME_WAIT and
  // SYN_RECV, which are no whole sockets.
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> drops;  // segments dropped at this socket since it was made
};

// Sets of states, one bit each.
using TcpStates = std::uint32_t;
inline constexpr std::uint8_t kTcpEstablished = 1, kTcpSynRecv = 3, kTcpTimeWait = 6,
                              kTcpListen = 10;
inline constexpr TcpStates kAllTcpStates = 0xFFF & ~1U;

class SockDiag {
 public:
  // Opens the netlink socket in the network namespace of that file (/proc/PID/ns/net or
  // /run/netns/NAME), or in the caller's own where it is empty. Another one than the caller's needs
  // CAP_SYS_ADMIN. Throws std::system_error.
  explicit SockDiag(const std::string& netns = {});
  SockDiag(const SockDiag&) = delete;
  SockDiag& operator=(const SockDiag&) = delete;
  ~SockDiag();

  // Every established or closing IPv4 and IPv6 socket with `port` at either end; neither listeners
  // nor TIME_WAIT. The kernel filters; two passes over its socket table, so not one instant. Throws
  // std::system_error (ENOENT: no tcp_diag in this kernel). Not thread-safe: one dump at a time.
  // Source: sock_diag(7), <linux/inet_diag.h>, <linux/tcp.h>.
  std::vector<TcpSocket> dump(std::uint16_t port);
  // The queues of every socket of these states with `port` at either end, as dump() otherwise.
  std::vector<SocketQueues> queues(std::uint16_t port, TcpStates states = kAllTcpStates);

 private:
  struct Request;
  using Take = std::function<void(const nlmsghdr&)>;

  void each(const Request& request, const Take& take);
  void request(int family, const Request& request);
  bool receive(int family, const Take& take);

  int fd_ = -1;
  std::uint32_t sequence_ = 0;
  std::vector<char> buffer_;
};

}  // namespace zyphos
