// The fields that the protocol itself reads, found without regard to case.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "scan/names.h"

namespace zyphos::http1 {

enum Known : std::uint8_t {
  kHost,
  kConnection,
  kContentLength,
  kTransferEncoding,
  kExpect,
  kUpgrade,
  kKnownCount
};
inline constexpr std::array<std::string_view, kKnownCount> kKnown{
    "host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"};
inline constexpr scan::NameSet<kKnownCount> kKnownNames{kKnown};

}  // namespace zyphos::http1
