// What this machine cannot do, as against what went wrong: a reason for leaving a measurement out.
#pragma once

#include <stdexcept>

namespace zyphos::datagram {

class NotHere : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace zyphos::datagram
