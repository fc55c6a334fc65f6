// Stream: the bytes of one TCP connection, plain or within TLS, with a time by which each call
// ends.
#pragma once

#include <cstddef>
#include <expected>

#include "base/bytes.h"
#include "base/error.h"
#include "base/time.h"
#include "fetch/waiter.h"
#include "net/fd.h"

namespace zyphos::fetch {

// Thread safety: one thread. Errc of both: deadline, peer_reset, peer_gone, tls_failed, system.
class Stream {
 public:
  virtual ~Stream() = default;

  // Gives all of `bytes` to the kernel.
  virtual Errc send(ConstBytes bytes, Time end) = 0;
  // What has come, one byte at least; 0: the peer has finished.
  virtual std::expected<std::size_t, Errc> receive(Bytes room, Time end) = 0;
};

class PlainStream final : public Stream {
 public:
  // `fd` is connected and non-blocking; `waiter` outlives it.
  PlainStream(Fd fd, Waiter& waiter) : fd_(std::move(fd)), waiter_(waiter) {}

  Errc send(ConstBytes bytes, Time end) override;
  std::expected<std::size_t, Errc> receive(Bytes room, Time end) override;

 private:
  Fd fd_;
  Waiter& waiter_;
};

// Of an errno of send(2) or recv(2).
Errc stream_error(int error);

}  // namespace zyphos::fetch
