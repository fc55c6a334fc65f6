#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace zyphos {

void JsonLine::name(std::string_view key) {
  if (!out_.empty() && out_.back() != '{' && out_.back() != '[') out_ += ',';
  if (key.empty()) return;
  quote(key);
  out_ += ':';
}

void JsonLine::quote(std::string_view value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out_ += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (byte < 0x20) {
      out_ += "\\u00";
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 15];
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

JsonLine& JsonLine::begin(std::string_view key, char bracket) {
  name(key);
  out_ += bracket;
  return *this;
}

JsonLine& JsonLine::end(char bracket) {
  out_ += bracket;
  return *this;
}

JsonLine& JsonLine::text(std::string_view key, std::string_view value) {
  name(key);
  quote(value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view key, std::int64_t value) {
  name(key);
  out_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view key, std::uint64_t value) {
  name(key);
  out_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::number(std::string_view key, std::optional<double> value) {
  name(key);
  if (!value || !std::isfinite(*value)) {
    out_ += "null";
    return *this;
  }
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, *value);
  out_.append(digits, end.ptr);
  return *this;
}

JsonLine& JsonLine::flag(std::string_view key, bool value) {
  name(key);
  out_ += value ? "true" : "false";
  return *this;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const std::size_t at = i + j;
      group = group << 8 | (at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U);
    }
    const std::size_t digits = std::min<std::size_t>(bytes.size() - i, 3) + 1;
    for (std::size_t j = 0; j < 4; ++j) {
      out += j < digits ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

}  // namespace zyphos
