// UDP sockets as both sides make them. What cannot be done is std::system_error, which says what.
#pragma once

#include <cstdint>
#include <string>

#include "base/address.h"
#include "net/fd.h"

namespace zyphos::datagram {

// Of what a socket keeps before it is read: some thousand small datagrams, each of which counts as
// some 800 bytes. More than net.core.rmem_max only with CAP_NET_ADMIN: else as much as may be.
inline constexpr int kReceiveBytes = 4 << 20;

// Bound to `address` (port 0: a free one), non-blocking, close-on-exec.
Fd bound_socket(const Address& address);
// Connected to `address`, else the same.
Fd connected_socket(const Address& address);

// Busy polling of this socket, preferred to interrupts; nothing for 0.
void busy_poll(int fd, unsigned microseconds);
// UDP_GRO: equal datagrams that came together are received as one.
void receive_trains(int fd);
// Datagrams that found no room in the socket's buffer (SO_MEMINFO). One system call.
std::uint64_t dropped_of(int fd);

// The port is taken and nothing is ever received: for who takes the datagrams before the kernel
// does. Else the kernel would tell each one's sender that nobody is there.
class HeldPort {
 public:
  explicit HeldPort(const Address& address);
  const Address& address() const { return address_; }

 private:
  Fd fd_;
  Address address_;
};

// std::system_error from errno.
[[noreturn]] void fail(const std::string& doing);
// One option of an int.
void set_option(int fd, int level, int name, int value, const char* doing);

}  // namespace zyphos::datagram
