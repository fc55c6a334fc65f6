// Moving bytes between a socket and boxes: one receive, or sending all that a box holds. Knows
// neither who drives it nor what the box is (any `Box` with the driver's side of
// protocol/outbox.h). No allocation; what the peer or the kernel does comes back as a value, never
// as a signal or exception.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/counters.h"
#include "net/send_call.h"

namespace zyphos {

enum class Flush : std::uint8_t {
  done,     // everything was taken
  blocked,  // the socket takes no more now; call again when it is writable
  reset,    // ECONNRESET: the peer reset the connection
  gone,     // EPIPE: the peer no longer reads
  failed,   // anything else
};

struct Sent {
  Flush state = Flush::done;
  std::size_t size = 0;
};

// Parts of one send call, at most.
inline constexpr std::size_t kSendParts = 64;

// One `call` (one part) or sendmsg (several), never blocking, without SIGPIPE; EINTR is tried
// again. `more`: more follows at once, so that no packet need leave yet (MSG_MORE, where the call
// takes flags). Counts send_calls, send_again, partial_writes, interrupted, bytes_out.
Sent send_parts(int fd, std::span<const ConstBytes> parts, Counters& counters,
                SendCall call = SendCall::send, bool more = false);

// One sendfile. It blocks on a blocking socket, and raises SIGPIPE unless block_sigpipe() was
// called on this thread. A file that ends before its range does is Flush::failed.
Sent send_file(int fd, int file, std::uint64_t offset, std::size_t size, Counters& counters);

void set_cork(int fd, bool corked);

enum class Receive : std::uint8_t {
  bytes,
  again,     // nothing now (EAGAIN, a timeout, or EINTR of a wait: look around and call again)
  finished,  // FIN
  reset,
  failed,
};

struct Received {
  Receive state = Receive::again;
  std::size_t size = 0;
};

// One recv(). `flags`: MSG_DONTWAIT, whose EINTR is tried again (an edge is told once), or 0.
// Counts recv_calls, recv_again, interrupted (bytes_in is the Slot's).
Received receive(int fd, Bytes buffer, int flags, Counters& counters);

// For threads that send files.
void block_sigpipe();

// One send call of what the box's next batch is. Few parts are the rule, and preparing room for
// many is not free.
template <class Box>
Sent send_batch(int fd, const Box& out, Counters& counters, SendCall call) {
  std::array<ConstBytes, 4> few;
  const std::size_t count = out.gather(few);
  if (count < few.size()) {
    const bool more = out.file_follows(count);
    return send_parts(fd, std::span(few).first(count), counters, call, more);
  }
  std::array<ConstBytes, kSendParts> parts;
  const std::size_t all = out.gather(parts);
  return send_parts(fd, std::span(parts).first(all), counters, call, out.file_follows(all));
}

// Sends without blocking (on blocking sockets too): each gathered batch is one call, boundaries are
// calls of their own.
template <class Box>
Flush send_all(int fd, Box& out, Counters& counters, SendCall call) {
  while (!out.empty()) {
    Sent sent;
    if (const auto* file = out.next_file()) {
      sent = send_file(fd, file->fd, file->offset, file->size, counters);
    } else {
      sent = send_batch(fd, out, counters, call);
    }
    if (sent.state != Flush::done) return sent.state;
    out.sent(sent.size);
  }
  return Flush::done;
}

// As send_all(); what is corked stands between two TCP_CORK calls. What is blocked stays corked:
// the next flush goes on.
template <class Box>
Flush flush(int fd, Box& out, Counters& counters, SendCall call = SendCall::send) {
  if (out.empty()) return Flush::done;
  if (!out.corked()) return send_all(fd, out, counters, call);
  set_cork(fd, true);
  const Flush result = send_all(fd, out, counters, call);
  if (result == Flush::done) set_cork(fd, false);
  return result;
}

}  // namespace zyphos
