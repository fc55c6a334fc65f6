// TCP sockets: made, bound, connected. What goes wrong while setting up is std::system_error with
// what was being done.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "base/address.h"
#include "base/error.h"
#include "net/fd.h"
#include "net/options.h"

namespace zyphos {

// An Address as the kernel takes it.
struct SocketAddress {
  union {
    sockaddr generic;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
  };
  socklen_t size = 0;

  explicit SocketAddress(const Address& address);
};

// Error: not an IPv4 or IPv6 address (EAFNOSUPPORT) or getsockname failed.
Address local_address(int fd);
// None: it is not connected (any more), or by neither IPv4 nor IPv6.
std::optional<Address> peer_address(int fd);

struct ListenOptions {
  int backlog = 4096;
  bool reuse_port = false;  // several sockets on one port, the kernel spreads connections
  // IPv6: whether IPv4 clients are kept out (IPV6_V6ONLY). Empty: as net.ipv6.bindv6only has it.
  std::optional<bool> ipv6_only = {};
  std::string device = {};  // takes what comes in by this interface alone; empty: by any
  SocketOptions socket =
      {};  // buffer sizes must stand before the handshake; accepted sockets inherit most
};

// Bound (SO_REUSEADDR), listening, non-blocking, close-on-exec. `ipv6_only` of an IPv4 address is
// std::system_error, too.
Fd listen_on(const Address& address, const ListenOptions& options);

struct Dialed {
  Fd fd = {};              // empty when error is not ok
  bool connected = false;  // false: in progress; writable when done, then connect_result()
  Errc error = Errc::ok;
};

// Starts connecting, non-blocking, from the address `from`, whose port the kernel chooses as late
// as it can: only when one socket's four numbers have to differ from all others' (port of `from`:
// 0). Never throws for what the network or the machine's limits do; an option that cannot be set is
// std::system_error.
Dialed dial_socket(const Address& address, const SocketOptions& options,
                   const std::optional<Address>& from = {});

// How a connect in progress ended (SO_ERROR): ok, connect_refused, connect_timeout,
// connect_no_port, connect_failed.
Errc connect_result(int fd);
// The same from an errno.
Errc connect_error(int error);

// Connected, blocking, after at most `timeout_ns`. std::system_error ("connect to 127.0.0.1:80").
Fd connect_to(const Address& address, const SocketOptions& options, std::int64_t timeout_ns);

void set_blocking(int fd, bool blocking);

// Makes the close that follows reset the connection (SO_LINGER, 0 seconds).
void reset_on_close(int fd);

}  // namespace zyphos
