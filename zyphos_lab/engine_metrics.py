"""Columns of what single kinds of engines count on the board; see metrics.py, which reads them.

The rows' form is that of metrics.py. As cpp/base/counters.h lists them; a test holds the two
together. Plain data.
"""

from __future__ import annotations

# Of engine uring (ZYPHOS_RING_COUNTERS). Requests stand beside them as `wakeups`, `events`,
# `zerocopy_done`, `zerocopy_copied`, `buffers_exhausted`, which other drivers count too.
RING = """
ring_sqes                     count       lower /r io_uring entries submitted
ring_cqes                     count       lower /r io_uring completions reaped
ring_enters                   count       lower /r io_uring_enter calls of the loop
ring_overflows                count       lower /r waits after which completions had found no room
ring_rearms                   count       lower /r multishots that the kernel ended, armed again
ring_mapped_sends             count       -     /r zero-copy sends from registered memory
"""
