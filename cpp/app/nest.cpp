#include "app/nest.h"

#include <cstdint>

namespace zyphos::app {
namespace {

// What each call adds is written before the deeper one and read after it, so that no loop can be
// made of them. AddressSanitizer would keep what is local elsewhere than on the stack.
[[gnu::noinline, gnu::no_sanitize("address")]] std::size_t down(std::uintptr_t from,
                                                                std::size_t bytes) {
  volatile char here[256];
  here[0] = 1;
  const auto depth = static_cast<std::size_t>(from - reinterpret_cast<std::uintptr_t>(&here[0]));
  const std::size_t deepest = depth >= bytes ? depth : down(from, bytes);
  return deepest + static_cast<std::size_t>(here[0]) - 1;
}

}  // namespace

std::size_t descend(std::size_t bytes) {
  const auto from = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return down(from, bytes);
}

std::unique_ptr<Exchange> Nest::begin(const RequestHead& head, const ExchangeContext& context) {
  if (head.target == "/deep") descend(nest_bytes_);
  return hello_.begin(head, context);
}

}  // namespace zyphos::app
