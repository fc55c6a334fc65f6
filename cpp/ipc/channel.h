// Channel: one end of what carries messages of one size to another process, and back. Blocking.
//
// The kernel's channels (pipe, Unix sockets) are read as a program would: as much as there is in
// one call, so that several messages of a byte stream come at once. Shared memory is read where it
// lies. Either way the reader is shown the message in place; the writer's is copied in.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "ipc/options.h"
#include "net/fd.h"

namespace zyphos::ipc {

class Channel {
 public:
  virtual ~Channel() = default;
  // Waits for room. `message` has ChannelOptions::message_bytes. std::system_error when the other
  // end has gone and the kernel says so (shared memory never does).
  virtual void send(ConstBytes message) = 0;
  // The next message, which stays as it is until the next call. std::system_error as above.
  virtual ConstBytes receive() = 0;
};

// Who asks, and who answers.
enum class Side : std::uint8_t { ask, answer };

// The descriptors of both ends of a new channel. std::system_error where the system has none, or
// allows no buffers of this size.
struct Ends {
  std::vector<Fd> asker;
  std::vector<Fd> answerer;
};
Ends make_ends(const ChannelOptions& options);
// How many descriptors an end has.
std::size_t descriptors_of(By by);

// One end. `descriptors` are those of this side, of make_ends(); std::system_error where memory
// cannot be mapped.
std::unique_ptr<Channel> open_channel(const ChannelOptions& options, Side side,
                                      std::vector<Fd> descriptors);

}  // namespace zyphos::ipc
