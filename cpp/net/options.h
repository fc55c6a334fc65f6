// Socket options as data: each is set only when it was asked for. One table gives names to the
// command line, the experiment file and the binding.
//
// Names are the kernel's; a value without a unit in its name has the kernel's own (bytes for
// buffers, seconds for so_linger, tcp_keepidle and tcp_keepintvl, microseconds for so_busy_poll).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zyphos {

struct SocketOptions {
  std::optional<bool> tcp_nodelay = {};
  std::optional<bool> tcp_quickack =
      {};  // true does not last in the kernel: rearm_quickack() after every receive
  std::optional<std::string> tcp_congestion = {};
  std::optional<int> tcp_user_timeout_ms = {};
  std::optional<int> tcp_notsent_lowat = {};
  std::optional<int> so_rcvbuf = {};
  std::optional<int> so_sndbuf = {};
  std::optional<int> so_linger = {};  // seconds; 0: close resets
  std::optional<bool> so_keepalive = {};
  std::optional<int> tcp_keepidle = {};   // seconds of silence before the first probe
  std::optional<int> tcp_keepintvl = {};  // seconds from probe to probe
  std::optional<int> tcp_keepcnt = {};    // probes without an answer that end the connection
  std::optional<int> so_busy_poll = {};
  std::optional<bool> so_prefer_busy_poll = {};
  std::optional<int> so_busy_poll_budget = {};  // packets of one poll
  // Listening sockets: connections with data in their SYN whose handshake may be under way.
  std::optional<int> tcp_fastopen = {};
  // Sockets that dial: the first bytes go with the SYN, once a cookie of the server's is known.
  std::optional<bool> tcp_fastopen_connect = {};

  friend bool operator==(const SocketOptions&, const SocketOptions&) = default;
};

// What a socket is while its options are set: some are for listening or dialing ones alone.
enum class SocketRole : std::uint8_t { listening, dialing, accepted };

// "tcp_nodelay", ... in the order of the struct: of a program whose sockets begin as `role`.
std::vector<std::string_view> socket_option_names(SocketRole role);

// From text ("true", "4096", "cubic"). Error: one line, what was wrong.
std::expected<void, std::string> set_option(SocketOptions& options, std::string_view name,
                                            std::string_view text);

// Sets what was asked for and is for this role on a TCP socket; std::system_error says which option
// failed, also where the kernel would take it and do nothing: tcp_fastopen of a network namespace
// whose sysctl net.ipv4.tcp_fastopen has no bit 2. One system call each.
void apply(int fd, const SocketOptions& options, SocketRole role);

// One system call when tcp_quickack is true, nothing otherwise.
void rearm_quickack(int fd, const SocketOptions& options);

}  // namespace zyphos
