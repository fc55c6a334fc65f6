// Reserve: a descriptor kept back, so that those who wait to be accepted when no other is left can
// be taken and closed instead of waiting.
//
// Thread safety: none; one per accepting thread. Another thread may take the descriptor while it is
// in use; then nobody is refused until the next time.
#pragma once

#include <cstddef>

#include "base/counters.h"
#include "net/fd.h"

namespace zyphos {

// Whether this error of accept says that there is none left, or no memory for one.
bool out_of_descriptors(int error);

class Reserve {
 public:
  // Keeps one when `wanted` (and there is one).
  explicit Reserve(bool wanted);

  // Accepts and closes everybody who waits at the listener, blocking or not; nobody where none is
  // wanted. Counts them as accepted and closed. Never waits; some 10 us each.
  void refuse_waiting(int listener, Counters& counters);

 private:
  bool wanted_;
  Fd held_;
};

}  // namespace zyphos
