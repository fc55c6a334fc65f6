// A stub resolver's half of a lookup: the query to send, and what an answer says of it. Whoever
// sends it brings socket, time and retries.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "protocol/dns/message.h"

namespace zyphos::dns {

struct Found {
  std::vector<Address> addresses;  // one at least; port 0
  std::uint32_t ttl_s = 0;         // the shortest of the records that led to them
};

// A query that wants recursion. `asked.name` is valid_name(); `id` is to be unpredictable where
// strangers may answer (RFC 5452, 4).
std::vector<std::byte> query(std::uint16_t id, const Question& asked);

// What `datagram` says to the query (id, asked). Errc: bad_dns for what is no answer to it, which a
// resolver passes over and goes on waiting (RFC 5452, 9.1); no_address for an answer without one:
// an RCODE, no record of the type, a chain of aliases that does not end.
std::expected<Found, Errc> read_answer(ConstBytes datagram, std::uint16_t id,
                                       const Question& asked);

}  // namespace zyphos::dns
