// Where two processes that know a number find each other: a Unix socket in the abstract namespace
// (of this network namespace alone). Who asks brings the channel: its options and descriptors.
#pragma once

#include <cstdint>
#include <memory>

#include "ipc/channel.h"
#include "net/fd.h"

namespace zyphos::ipc {

// What the answerer saw in all, which it says at the end.
struct Totals {
  std::uint64_t messages = 0;
  std::uint64_t wrong = 0;  // of them: not the number that was due, or torn
};

// The socket at which the asker will be met. 0 becomes a number that nobody else has.
// std::system_error: EADDRINUSE where another is.
Fd meeting_place(std::uint16_t& port);

// Waits for the asker, and for what it brings. Readable `interrupt`: the socket is none.
// std::system_error where what comes is not from this program.
struct Met {
  Fd control;  // hangs up when the other has ended
  ChannelOptions options;
  std::unique_ptr<Channel> channel;
};
Met wait_for_asker(const Fd& place, int interrupt);

// The asker's half. std::system_error where nobody waits.
Met ask_at(std::uint16_t port, const ChannelOptions& options);

void say(const Fd& control, const Totals& totals);
// Waits for them. std::system_error when the other has ended first.
Totals told(const Fd& control);

}  // namespace zyphos::ipc
