"""Resident memory of each side over time, from /proc/PID/statm. A part of probe `memory`.

The numbers are the kernel's counters at that moment, over the side's process tree; pages that
several of its processes share count in each. Source: proc(5).
"""

from __future__ import annotations

import os

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import Pids
from zyphos_lab.probes.sampling import TreeSampler

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_sampler(pids: Pids) -> TreeSampler[int]:
    """Bytes of each side."""
    return TreeSampler("zy-rss", pids, lambda tree: sum(map(_rss_bytes, tree)))


def _rss_bytes(process: int) -> int:
    """0 for one that has ended."""
    fields = (processes.read(f"/proc/{process}/statm") or b"").split()
    return int(fields[1]) * PAGE_BYTES if len(fields) > 1 else 0
