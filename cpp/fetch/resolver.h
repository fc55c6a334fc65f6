// Resolver: a stub resolver (RFC 1034, 5.3.1): one question to one name server over UDP, asked
// again when no answer comes, and the last answer kept as long as it lives. It does not follow
// referrals.
#pragma once

#include <cstdint>
#include <expected>

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "base/time.h"
#include "fetch/waiter.h"
#include "protocol/dns/lookup.h"

namespace zyphos::fetch {

// Thread safety: one thread.
class Resolver {
 public:
  // Asks `server` for `asked`; after `timeout_ns` without an answer again. `waiter` outlives it.
  Resolver(const Address& server, dns::Question asked, std::int64_t timeout_ns, Waiter& waiter,
           std::uint64_t seed);

  // The first address, by a query of its own. Errc: no_address; dns_timeout; deadline at `end`;
  // connect_failed where nothing can be sent. std::system_error: no socket.
  std::expected<Address, Errc> resolve(Time end);
  // The same; without a query where an answer is kept whose TTL has not ended.
  std::expected<Address, Errc> resolve_cached(Time end);
  bool is_fresh(Time now) const { return now < fresh_until_; }

 private:
  static constexpr int kTries = 3;

  std::expected<dns::Found, Errc> ask(int fd, Time end);

  Address server_;
  dns::Question asked_;
  std::int64_t timeout_ns_;
  Waiter& waiter_;
  Random random_;  // RFC 5452 wants numbers that strangers cannot guess: here there are none
  Address address_{};
  Time fresh_until_{0};
};

}  // namespace zyphos::fetch
