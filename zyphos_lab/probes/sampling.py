"""A quantity of each side's process tree over time: a thread of the runner reads it at an interval.

It costs at most a fiftieth of a core: a reading that took long is followed by a longer pause. What
is read of a tree is the caller's. Thread safety: `samples` may be read while it runs, and `watch`
may be called.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import ROLES, Pids, Role, now_ns, others

INTERVAL_NS = 10_000_000
PAUSE_RATIO = 49  # a sample that took t of CPU is followed by a pause of at least this times t
TREE_EVERY = 10  # samples, after which the tree is looked at anew
SAMPLES_MAX = 360_000  # an hour; what comes after is not kept

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Sample(Generic[Found]):
    """`cpu_ns` is what the thread had used by then; `of` each side that was watched."""

    time_ns: int
    cpu_ns: int
    of: dict[Role, Found]


class TreeSampler(Generic[Found]):
    """Samples the trees of these roots, first here and now, until it is stopped, or `take` gives
    nothing (something false) of any of them: then none lives.
    """

    def __init__(self, name: str, pids: Pids, take: Callable[[list[int]], Found]) -> None:
        self._pids = pids
        self._take = take
        self._trees: dict[Role, list[int]] = {}
        self._look_now = threading.Event()
        self.samples: list[Sample[Found]] = []
        self._stop = threading.Event()
        self._look()
        first = {role: take(tree) for role, tree in self._trees.items()}
        self.samples.append(Sample(now_ns(), 0, first))
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def watch(self, pids: Pids) -> None:
        """These roots from now on; samples stay."""
        self._pids = pids
        self._look_now.set()

    def stop(self) -> None:
        """Samples stay. Safe to repeat."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due_ns, cpu_ns = now_ns(), time.thread_time_ns()
        while len(self.samples) < SAMPLES_MAX:
            if len(self.samples) % TREE_EVERY == 0 or self._look_now.is_set():
                self._look()
            found = {role: self._take(tree) for role, tree in self._trees.items()}
            sample = Sample(now_ns(), time.thread_time_ns(), found)
            if not any(found.values()):
                return
            self.samples.append(sample)
            took_ns = sample.cpu_ns - cpu_ns
            cpu_ns = sample.cpu_ns
            due_ns = max(due_ns + INTERVAL_NS, sample.time_ns + PAUSE_RATIO * took_ns)
            if self._stop.wait((due_ns - now_ns()) / 1e9):
                return

    def _look(self) -> None:
        self._look_now.clear()
        pids = self._pids
        self._trees = {
            role: processes.tree(pids[role], others(pids, role)) for role in ROLES if pids.get(role)
        }
