// What every message carries: its number, at both of its ends, so that one that is lost, doubled or
// torn is seen.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace zyphos::ipc {

// The number of the message after which there is none.
inline constexpr std::uint64_t kLast = ~std::uint64_t{0};

// `message` has kMessage_bytes_min bytes or more.
inline void stamp(Bytes message, std::uint64_t number) {
  std::memcpy(message.data(), &number, sizeof number);
  std::memcpy(message.data() + message.size() - sizeof number, &number, sizeof number);
}

inline bool stamped(ConstBytes message, std::uint64_t number) {
  return std::memcmp(message.data(), &number, sizeof number) == 0 &&
         std::memcmp(message.data() + message.size() - sizeof number, &number, sizeof number) == 0;
}

}  // namespace zyphos::ipc
