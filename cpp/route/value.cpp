#include "route/value.h"

#include "scan/codec.h"

namespace zyphos::route {

std::optional<std::string_view> decode_value(std::string_view raw, std::span<char> out) {
  if (out.size() < raw.size()) return std::nullopt;
  const std::size_t size = scan::best_codec().percent_decode(raw.data(), raw.size(), out.data());
  if (size == scan::kRefused) return std::nullopt;
  return std::string_view(out.data(), size);
}

bool is_plain_name(std::string_view value) {
  if (value.empty() || value == "." || value == "..") return false;
  return value.find_first_of(std::string_view("/\\\0", 3)) == value.npos;
}

}  // namespace zyphos::route
