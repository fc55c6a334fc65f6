// Caller: who is at the other end of a connection, for those who want to know (logs, limits by
// address). Asked for only then: a driver keeps no address of anybody.
//
// Thread safety: the driver's thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/address.h"

namespace zyphos {

// Implemented by drivers with sockets.
class Callers {
 public:
  virtual ~Callers() = default;
  // Of the connection of that number; none: it is already gone, or has no address.
  virtual std::optional<Address> caller(std::uint32_t number) const = 0;
};

// Ends with the call that it was handed to. Cost of address(): a system call.
struct Caller {
  std::optional<Address> address() const {
    return callers == nullptr ? std::nullopt : callers->caller(number);
  }

  const Callers* callers = nullptr;  // none: the driver has no sockets
  std::uint32_t number = 0;
};

}  // namespace zyphos
