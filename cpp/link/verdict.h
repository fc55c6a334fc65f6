// What an AQM says of a packet that arrives: it may wait, it is to be marked where that can be done
// and dropped where not (RFC 3168, 5), or it is dropped whatever it can.
#pragma once

#include <cstdint>

namespace zyphos::link {

enum class Verdict : std::uint8_t { waits, signals, dropped };

}  // namespace zyphos::link
