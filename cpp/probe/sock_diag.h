// The kernel's own figures of TCP sockets on one port, over sock_diag netlink: what
// getsockopt(TCP_INFO) gives, for sockets of any process, without touching them.
//
// Sees the network namespace in which it was opened. Knows no windows: the caller matches two dumps
// by cookie and subtracts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

class SockDiag {
 public:
  // Opens the netlink socket in the caller's network namespace. Throws std::system_error.
  SockDiag();
  SockDiag(const SockDiag&) = delete;
  SockDiag& operator=(const SockDiag&) = delete;
  ~SockDiag();

  // Every established or closing IPv4 and IPv6 socket with `port` at either end; neither listeners
  // nor TIME_WAIT. The kernel filters; two passes over its socket table, so not one instant. Throws
  // std::system_error (ENOENT: no tcp_diag in this kernel). Not thread-safe: one dump at a time.
  // Source: sock_diag(7), <linux/inet_diag.h>, <linux/tcp.h>.
  std::vector<TcpSocket> dump(std::uint16_t port);

 private:
  void request(int family, std::uint16_t port);
  bool receive(std::vector<TcpSocket>& sockets, int family);

  int fd_ = -1;
  std::uint32_t sequence_ = 0;
  std::vector<char> buffer_;
};

}  // namespace zyphos
