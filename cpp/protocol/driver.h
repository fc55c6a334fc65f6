// Driver: what the connections of one driver share, held once and not by each of them; and the
// buffers that a connection holds only while bytes lie in them, so that an idle one has none.
//
// Thread safety: none, one per driver thread. It outlives its slots; what it refers to outlives it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/counters.h"
#include "base/random.h"
#include "base/time.h"
#include "memory/block_pool.h"
#include "memory/kept.h"
#include "protocol/caller.h"
#include "protocol/inbox.h"
#include "protocol/outbox.h"
#include "protocol/waker.h"

namespace zyphos {

class Dialer;

struct SlotLimits {
  std::size_t inbox_bytes = 64 * 1024;  // a message that does not fit is Errc::input_limit
  std::int64_t linger_ns =
      2 * kSecond_ns;  // how long a closed connection discards input before it is dropped
  // And how long, before that, its answer may make no way to a peer that does not read.
  std::int64_t flush_ns = 60 * kSecond_ns;
  bool lingers = true;  // off: once all is with the kernel it is dropped, unread input or not
};

struct SlotBuffers {
  SlotBuffers(BlockPool& pool, std::size_t inbox_bytes, bool takes_files)
      : in(pool, inbox_bytes), out(pool, takes_files) {}

  Inbox in;
  Outbox out;
  SlotBuffers* next = nullptr;  // of those that wait
};

struct Driver {
  BlockPool& pool;
  Dialer& dial;
  Random& random;
  Counters& counters;
  const std::atomic<bool>& draining;
  // Set once the driver leaves to a successor; none: it never does.
  const std::atomic<bool>* leaving = nullptr;
  std::shared_ptr<WakeTarget> wakes = {};  // none: nobody wakes its connections
  SlotLimits limits = {};
  bool takes_files = false;          // it can send file ranges
  const Callers* callers = nullptr;  // none: it knows nobody's address
  Kept<SlotBuffers> buffers = {};

  // Allocates only when more are out than ever before.
  SlotBuffers* take_buffers() {
    if (SlotBuffers* waiting = buffers.take()) return waiting;
    return new SlotBuffers(pool, limits.inbox_bytes, takes_files);
  }
};

}  // namespace zyphos
