// Fetcher: a URL as a person's browser gets it: the name is looked up, TCP connects, TLS shakes
// hands, the request goes out, the answer comes in, one after the other, each with its time.
//
// What a warm fetch needs is made ready beforehand, outside of its times (prepare()): a name that
// is known, a ticket to resume with, a connection that stands.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/counters.h"
#include "base/error.h"
#include "base/time.h"
#include "fetch/options.h"
#include "fetch/resolver.h"
#include "fetch/response.h"
#include "fetch/tls.h"
#include "fetch/waiter.h"

namespace zyphos::fetch {

// Moments of a fetch in their order. What was not needed took no time: its moment is that before.
// With early data the request goes out before TLS is done (`sent` < `secured`).
struct Moments {
  Time begun{};
  Time resolved{};    // the name's address is known
  Time connected{};   // TCP
  Time secured{};     // TLS
  Time sent{};        // the request is with the kernel
  Time first_byte{};  // of the answer, decrypted
  Time done{};        // all of it
};

// The parts of a fetch, which add up to it, and the time to the first byte: names are columns.
inline constexpr std::array<std::string_view, 7> kPhases{
    "dns_ns", "connect_ns", "tls_ns", "request_ns", "wait_ns", "transfer_ns", "first_byte_ns"};
std::array<std::int64_t, kPhases.size()> phases_of(const Moments& moments);

struct Fetched {
  Errc error = Errc::ok;
  Moments moments;
};

// Thread safety: one thread.
class Fetcher {
 public:
  // `options` have no complaint(); `waiter` and `counters` outlive it. std::runtime_error as Tls.
  Fetcher(const FetchOptions& options, Waiter& waiter, Counters& counters);

  // What the next fetch takes for granted. Errc: what went wrong.
  Errc prepare(Time end);
  // One fetch, which ends by `end`; prepare() goes before each. An answer that is not right is
  // wrong_status or wrong_body.
  Fetched fetch(Time end);

 private:
  Errc whole(Moments& moments, Session session, Time end);
  Errc open(Moments& moments, Session session, Time end);
  Errc secure(Fd fd, Moments& moments, Session session, Time end);
  Errc exchange(Moments& moments, Time end);
  Errc read(Moments& moments, Time end);
  Errc judge() const;
  void drop();
  void leave(Time end);
  bool lacks_ticket() const;
  Errc gather_ticket(Time end);
  Errc await_ticket(Time end);
  std::expected<Address, Errc> resolve(Time end);

  FetchOptions options_;
  Waiter& waiter_;
  Counters& counters_;
  std::string request_;
  Resolver resolver_;
  std::optional<Tls> tls_;
  ResponseReader response_;
  std::unique_ptr<Stream> stream_;
  bool request_sent_ = false;  // with the handshake
  std::int64_t last_ns_ = 0;   // what the last fetch took
};

}  // namespace zyphos::fetch
