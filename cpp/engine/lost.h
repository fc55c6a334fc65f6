// What the board calls the loss of a peer.
#pragma once

#include "base/error.h"
#include "net/flush.h"

namespace zyphos {

// Of a send that has found it.
inline Errc lost_error(Flush state) {
  if (state == Flush::reset) return Errc::peer_reset;
  return state == Flush::gone ? Errc::peer_gone : Errc::system;
}

}  // namespace zyphos
