// What a peer is started with: ADDRESS (IPv4 or IPv6) and PORT (0: a free one).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace zyphos::peer {

struct Words {
  std::string address;
  std::uint16_t port = 0;
};

// None, after a line on stderr, where argv[1..] is something else.
std::optional<Words> read_words(int argc, char** argv, const char* program);
// `127.0.0.1:80`, `[::1]:80`.
std::string place(const std::string& address, std::uint16_t port);

}  // namespace zyphos::peer
