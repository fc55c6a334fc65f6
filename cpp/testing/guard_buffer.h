// GuardBuffer: memory whose end, but for the padding that every reader may look at (kReadPadding),
// lies against a page that must not be touched: a read or write too far ends the test there and
// then.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace zyphos::testing {

class GuardBuffer {
 public:
  explicit GuardBuffer(std::size_t capacity_bytes);
  ~GuardBuffer();
  GuardBuffer(const GuardBuffer&) = delete;
  GuardBuffer& operator=(const GuardBuffer&) = delete;

  // A copy of `bytes` that ends padding bytes before the guard. The padding holds bytes that would
  // mislead a reader who lets them decide anything. Valid until the next call.
  Bytes place(ConstBytes bytes);
  // Overwrites what was placed: whoever kept a pointer reads nonsense.
  void spoil();

 private:
  std::byte* map_;
  std::size_t map_bytes_;
  std::byte* end_;  // of what is readable
  Bytes placed_;
};

}  // namespace zyphos::testing
