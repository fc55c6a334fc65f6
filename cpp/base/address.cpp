#include "base/address.h"

#include <charconv>
#include <optional>
#include <vector>

namespace zyphos {
namespace {

std::optional<unsigned> number(std::string_view text, int base, unsigned limit) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || value > limit) return {};
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<Address> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) return {};
  Address address;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto value = number(parts[i], 10, 255);
    if (!value) return {};
    address.host[i] = static_cast<std::uint8_t>(*value);
  }
  return address;
}

// Groups of one side of "::"; empty text is no groups.
std::optional<std::vector<std::uint16_t>> groups(std::string_view text) {
  std::vector<std::uint16_t> out;
  if (text.empty()) return out;
  for (const auto part : split(text, ':')) {
    const auto value = number(part, 16, 0xffff);
    if (!value || part.size() > 4) return {};
    out.push_back(static_cast<std::uint16_t>(*value));
  }
  return out;
}

std::optional<Address> parse_ipv6(std::string_view text) {
  const auto gap = text.find("::");
  const auto head = groups(text.substr(0, gap));
  const auto tail = groups(gap == text.npos ? std::string_view{} : text.substr(gap + 2));
  if (!head || !tail) return {};
  const std::size_t count = head->size() + tail->size();
  if (gap == text.npos ? count != 8 : count > 7) return {};
  Address address{.family = Address::Family::ipv6};
  const auto put = [&](std::size_t index, std::uint16_t value) {
    address.host[2 * index] = static_cast<std::uint8_t>(value >> 8);
    address.host[2 * index + 1] = static_cast<std::uint8_t>(value & 0xff);
  };
  for (std::size_t i = 0; i < head->size(); ++i) put(i, (*head)[i]);
  for (std::size_t i = 0; i < tail->size(); ++i) put(8 - tail->size() + i, (*tail)[i]);
  return address;
}

}  // namespace

std::expected<Address, std::string> Address::parse(std::string_view host, std::uint16_t port) {
  auto address = host.find(':') == host.npos ? parse_ipv4(host) : parse_ipv6(host);
  if (!address) return std::unexpected("not an IPv4 or IPv6 address: '" + std::string(host) + "'");
  address->port = port;
  return *address;
}

Address Address::loopback(std::uint16_t port) {
  return {.family = Family::ipv4, .port = port, .host = {127, 0, 0, 1}};
}

std::string Address::text() const {
  std::string out;
  if (family == Family::ipv4) {
    for (std::size_t i = 0; i < 4; ++i) out += (i ? "." : "") + std::to_string(host[i]);
    return out + ":" + std::to_string(port);
  }
  // Zero groups are written out but for one longest-first run kept simple: "::1" and "::" only.
  std::array<char, 8> hex{};
  std::size_t zeros = 0;
  while (zeros < host.size() && host[zeros] == 0) ++zeros;
  const std::size_t first = zeros / 2;
  out = first >= 2 ? "[::" : "[";
  for (std::size_t i = first >= 2 ? first : 0; i < 8; ++i) {
    const unsigned group = host[2 * i] * 256U + host[2 * i + 1];
    const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), group, 16).ptr;
    out.append(hex.data(), end);
    if (i < 7) out += ':';
  }
  return out + "]:" + std::to_string(port);
}

}  // namespace zyphos
