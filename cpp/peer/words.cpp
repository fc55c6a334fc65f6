#include "peer/words.h"

#include <charconv>
#include <iostream>
#include <string_view>

namespace zyphos::peer {

std::optional<Words> read_words(int argc, char** argv, const char* program) {
  if (argc == 3) {
    Words words{.address = argv[1]};
    const std::string_view port = argv[2];
    const char* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data(), end, words.port);
    if (error == std::errc() && stop == end) return words;
  }
  std::cerr << "usage: " << program << " ADDRESS PORT\n";
  return std::nullopt;
}

std::string place(const std::string& address, std::uint16_t port) {
  const bool six = address.find(':') != std::string::npos;
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace zyphos::peer
