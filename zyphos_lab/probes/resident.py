"""Resident memory of each side over time: a thread of the runner reads /proc/PID/statm at an
interval. A part of probe `memory`.

The numbers are the kernel's counters at that moment, over the side's process tree; pages that
several of its processes share count in each. Source: proc(5). Thread safety: `samples` may be read
while it runs.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import ROLES, Pids, Role, now_ns, others

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
INTERVAL_NS = 10_000_000
PAUSE_RATIO = 49  # a sample that took t of CPU is followed by a pause of at least this times t
TREE_EVERY = 10  # samples, after which the tree is looked at anew
SAMPLES_MAX = 360_000  # an hour; what comes after is not kept


@dataclass(frozen=True, slots=True)
class Sample:
    """`cpu_ns` is what the thread had used by then."""

    time_ns: int
    cpu_ns: int
    rss_bytes: dict[Role, int]


class ResidentSampler:
    """Samples the trees of these roots until it is stopped or none of them lives."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids
        self._roles = [role for role in ROLES if pids.get(role)]
        self._trees: dict[Role, list[int]] = {}
        self.samples: list[Sample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zy-rss", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Samples stay. Safe to repeat."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due_ns, cpu_ns = now_ns(), time.thread_time_ns()
        while len(self.samples) < SAMPLES_MAX:
            if len(self.samples) % TREE_EVERY == 0:
                self._look()
            sample = self._take()
            if not any(sample.rss_bytes.values()):
                return
            self.samples.append(sample)
            took_ns = sample.cpu_ns - cpu_ns
            cpu_ns = sample.cpu_ns
            due_ns = max(due_ns + INTERVAL_NS, sample.time_ns + PAUSE_RATIO * took_ns)
            if self._stop.wait((due_ns - now_ns()) / 1e9):
                return

    def _look(self) -> None:
        for role in self._roles:
            self._trees[role] = processes.tree(self._pids[role], others(self._pids, role))

    def _take(self) -> Sample:
        found = {role: sum(map(_rss_bytes, tree)) for role, tree in self._trees.items()}
        return Sample(now_ns(), time.thread_time_ns(), found)


def _rss_bytes(process: int) -> int:
    """0 for one that has ended."""
    fields = (processes.read(f"/proc/{process}/statm") or b"").split()
    return int(fields[1]) * PAGE_BYTES if len(fields) > 1 else 0
