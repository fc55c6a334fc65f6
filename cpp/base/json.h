// Just enough JSON for one line of figures, written in order. Knows nothing of what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zyphos {

// Calls nest: begin/end in pairs, each value with its key (without one inside a list).
class JsonLine {
 public:
  JsonLine& begin(std::string_view key, char bracket);
  JsonLine& end(char bracket);
  JsonLine& text(std::string_view key, std::string_view value);
  JsonLine& number(std::string_view key, std::int64_t value);
  JsonLine& number(std::string_view key, std::uint64_t value);
  // Empty, infinite and not-a-number are null.
  JsonLine& number(std::string_view key, std::optional<double> value);
  JsonLine& flag(std::string_view key, bool value);
  const std::string& line() const { return out_; }

 private:
  void name(std::string_view key);
  void quote(std::string_view value);

  std::string out_;
};

// RFC 4648, 4, with padding.
std::string base64(std::string_view bytes);

}  // namespace zyphos
