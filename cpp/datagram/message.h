// What a datagram of the load carries: who sent it, which of them it is, and bytes that tell a torn
// one.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "datagram/options.h"

namespace zyphos::datagram {

struct Head {
  std::uint64_t run = 0;     // of this run alone: an answer to another's is nobody's here
  std::uint64_t number = 0;  // 0, 1, ...
};
static_assert(sizeof(Head) == kMessage_bytes_min);

inline std::byte filler(std::uint64_t number, std::size_t at) {
  return static_cast<std::byte>(number + at);
}

// `message`: kMessage_bytes_min bytes at least.
inline void stamp(Bytes message, const Head& head) {
  std::memcpy(message.data(), &head, sizeof head);
  for (std::size_t at = sizeof head; at < message.size(); ++at) {
    message[at] = filler(head.number, at);
  }
}

// Its number; empty where it is not one of this run's of so many bytes, as it was sent.
inline std::optional<std::uint64_t> stamped(ConstBytes message, std::uint64_t run,
                                            std::size_t bytes) {
  Head head;
  if (message.size() != bytes) return {};
  std::memcpy(&head, message.data(), sizeof head);
  if (head.run != run) return {};
  for (std::size_t at = sizeof head; at < bytes; ++at) {
    if (message[at] != filler(head.number, at)) return {};
  }
  return head.number;
}

}  // namespace zyphos::datagram
