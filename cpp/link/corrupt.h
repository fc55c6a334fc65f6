// Corrupt: flips one bit, anywhere in the IP packet, as tc-netem(8)'s `corrupt`. Deterministic from
// the Random it is given. The receiver's checksums find it: the kernel computes them all before a
// TUN is read, as our interfaces offer no offloads.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/random.h"

namespace zyphos::link {

class Corrupt {
 public:
  Corrupt(double share, Random random) : share_(share), random_(random) {}

  // Once for each packet. Did it flip one?
  bool flips(Bytes packet) {
    if (share_ <= 0 || random_.unit() > share_ || packet.empty()) return false;
    const std::uint64_t bit = random_.below(packet.size() * 8);
    packet[bit / 8] ^= std::byte{1} << (bit % 8);
    return true;
  }

 private:
  double share_;
  Random random_;
};

}  // namespace zyphos::link
