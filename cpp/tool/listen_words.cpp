#include "tool/listen_words.h"

namespace zyphos {
namespace {

std::string usual_address(const std::string& family) {
  if (family == "dual") return "::";
  return family == "ipv6" ? "::1" : "127.0.0.1";
}

}  // namespace

void add_listening(Words& words, ListenSetting& setting) {
  words.text("address", "to listen on (IPv4 or IPv6); default: the family's loopback, dual: all",
             setting.address);
  words.choice("family", "ipv4, ipv6, or dual: one socket for both", setting.family,
               {"ipv4", "ipv6", "dual"});
  words.text("device", "only what comes in by this interface, like lo", setting.device);
  words.number("port", "to listen on; 0: a free one", setting.port, std::uint16_t{0});
}

std::expected<ListenPlace, std::string> place_of(const ListenSetting& setting) {
  const std::string& family = setting.family;
  const std::string text = setting.address.empty() ? usual_address(family) : setting.address;
  const auto address = Address::parse(text, setting.port);
  if (!address) return std::unexpected("address: " + address.error());
  if (family.empty()) return ListenPlace{*address, {}};
  const bool ipv4 = address->family == Address::Family::ipv4;
  if (ipv4 != (family == "ipv4")) {
    return std::unexpected("address=" + text + " is not of family=" + family);
  }
  if (family == "dual" && address->host != decltype(address->host){}) {
    return std::unexpected("family=dual listens on address=::, not on " + text);
  }
  if (ipv4) return ListenPlace{*address, {}};
  return ListenPlace{*address, family == "ipv6"};
}

}  // namespace zyphos
