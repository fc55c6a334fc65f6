// Explicit congestion notification in an IP header (RFC 3168, 5): reading it and marking it.
#pragma once

#include "base/bytes.h"

namespace zyphos::link {

// Marks an ECN-capable IPv4 or IPv6 packet "congestion experienced", with IPv4's header checksum
// (RFC 1624). False, and nothing changed, when it is no IP packet or its sender knows no ECN. What
// is marked already stays so: true.
bool mark_congestion(Bytes packet);

}  // namespace zyphos::link
