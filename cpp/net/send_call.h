// The system calls that can give the same bytes to a socket, by name, so that they can be compared.
// Knows neither connections nor who drives them. No state: any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/counters.h"

namespace zyphos {

enum class SendCall : std::uint8_t {
  send,      // send(2)
  write,     // write(2): takes no flags, so SIGPIPE has to be blocked (block_sigpipe)
  writev,    // writev(2) of one piece, the same
  sendmsg,   // sendmsg(2) of one piece
  zerocopy,  // send(2) with MSG_ZEROCOPY: the kernel sends from the caller's pages and says later
             // that it is done with them (linux Documentation/networking/msg_zerocopy.rst)
};

// "send", "write", "writev", "sendmsg", "zerocopy"; empty: none of them.
std::optional<SendCall> send_call(std::string_view name);

// One call on a non-blocking socket; as send(2). Where the kernel has no memory left for another
// notification (ENOBUFS) a zero-copy send is an ordinary one.
ssize_t send_by(SendCall call, int fd, ConstBytes bytes);

// SO_ZEROCOPY; std::system_error where the kernel has none.
void enable_zerocopy(int fd);

// Takes what the error queue says of zero-copy sends; counts zerocopy_done and, where the kernel
// copied after all (loopback always does, before a packet is received), zerocopy_copied.
void take_zerocopy(int fd, Counters& counters);

}  // namespace zyphos
