// Tls: a client's TLS connections by OpenSSL (1.2: RFC 5246; 1.3: RFC 8446), each of the kind asked
// for and of no other: version, resumption and early data are checked, never fallen back from. The
// tickets that servers send are kept, each to be used once.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "fetch/options.h"
#include "fetch/stream.h"

namespace zyphos::fetch {

// Thread safety: one thread.
class Tls {
 public:
  // Why there is no TLS in this build; empty where there is.
  static std::string missing();

  // `name`: SNI, and what certificates must be for (RFC 9110, 4.3.4). `waiter` outlives it.
  // std::runtime_error with what is wrong: no TLS here, no authorities in that file.
  Tls(const TlsOptions& options, const std::string& name, Waiter& waiter);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  // Connections that may yet be resumed.
  std::size_t tickets() const;

  struct Opened {
    std::unique_ptr<Stream> stream;
    bool early = false;  // `early` went with the first flight, and the server took it
    Time early_sent{};   // when it was given to the kernel
  };
  // The handshake on `fd`, which is connected and non-blocking. All but a fresh one use up a
  // ticket; `early` is sent with an early_data one. Errc: those of Stream; wrong_tls: it went well,
  // but not as asked for, or there is no ticket that allows it.
  std::expected<Opened, Errc> open(Fd fd, Session session, ConstBytes early, Time end);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zyphos::fetch
