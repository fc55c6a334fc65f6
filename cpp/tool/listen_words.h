// Where a server of ours listens, as words: address, family, device, port.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "base/address.h"
#include "tool/words.h"

namespace zyphos {

struct ListenSetting {
  std::string address = {};  // empty: of the family
  std::string family = {};   // ipv4, ipv6 (and nothing else), dual (both); empty: of the address
  std::string device = {};
  std::uint16_t port = 0;
};

struct ListenPlace {
  Address address;
  std::optional<bool> ipv6_only;  // net/socket.h
};

// The table refers to `setting`, which must outlive it.
void add_listening(Words& words, ListenSetting& setting);

// Where nothing is said: loopback of the family (ipv4), of both families all there is. Error: one
// line, what is no address or contradicts the family.
std::expected<ListenPlace, std::string> place_of(const ListenSetting& setting);

}  // namespace zyphos
