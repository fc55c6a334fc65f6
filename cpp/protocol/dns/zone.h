// Zone: a name server's knowledge, and its answers: datagram in, datagram out. It is the authority
// for the names that it lists and knows no others: it asks nobody (no recursion).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "protocol/dns/message.h"

namespace zyphos::dns {

class Zone {
 public:
  explicit Zone(std::uint32_t ttl_s) : ttl_s_(ttl_s) {}

  // A (IPv4) or AAAA (IPv6) of `name`, which is valid_name(); a name may have several.
  void add(std::string name, const Address& address);

  // The answer to `query`; empty where there is none: what has no whole header, or is a response
  // itself. Addresses of the name and type; none for another type of a name that is listed;
  // NXDOMAIN for other names, FORMERR, NOTIMP, REFUSED where due (RFC 1035, 4.1.1). Negative
  // answers have no SOA, so that nobody keeps them (RFC 2308, 5). With EDNS (RFC 6891) an answer
  // may be larger than 512 bytes; one that does not fit is empty and says so (TC).
  std::vector<std::byte> answer(ConstBytes query) const;

 private:
  struct Entry {
    std::string name;
    Address address;
  };

  Message reply(const Message& query, const Record* edns) const;
  Rcode look_up(const Question& asked, std::vector<Record>& out) const;

  std::uint32_t ttl_s_;
  std::vector<Entry> entries_;
};

}  // namespace zyphos::dns
