// A network address as data: what a Connection may name when it dials. Making sockets of it is
// net's work.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace zyphos {

struct Address {
  enum class Family : std::uint8_t { ipv4, ipv6 };

  Family family = Family::ipv4;
  std::uint16_t port = 0;               // host byte order
  std::array<std::uint8_t, 16> host{};  // network byte order; IPv4 uses the first four
  std::uint32_t scope = 0;              // IPv6 interface index, 0 for none

  friend bool operator==(const Address&, const Address&) = default;

  // "127.0.0.1" or "::1" (no names: resolving is not a protocol's business).
  // Error: one line, what was wrong.
  static std::expected<Address, std::string> parse(std::string_view host, std::uint16_t port);
  static Address loopback(std::uint16_t port);
  // "127.0.0.1:80", "[::1]:80".
  std::string text() const;
};

}  // namespace zyphos
