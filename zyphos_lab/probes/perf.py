"""Probe `perf`: kernel and hardware events of whole process trees (cpp/probe/perf_event.h).

Columns: `server_perf_<event>` and per request; hardware events that shared the PMU are scaled by
the time they were off: `server_perf_<event>_enabled_ns` and `_running_ns` say for how long they
were asked for and for how long they counted, over all threads, `_running_ratio` the share.
Threads and children that ended are included. Without a PMU the hardware
columns are None with that reason.

By thread, of those that were there when the trial began, in the order of process and thread id:
`server_perf_threads` (how many), and of the first THREADS_MAX `server_perf_thread<n>_name` (their
comm), `_<event>` and, of a hardware event, `_<event>_running_ratio`. What a thread has made since,
threads and children, is on its account. All threads together are the columns without a number,
but for those that had ended before they could be opened. An event that does not count has no
columns by thread: its own says why.

Opening them costs the target some microseconds per context switch on top, which task_clock_ns
does not show but the CPU of probe `rusage` does; a run measures it (observer.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import Any

from zyphos_lab.probes import native, processes
from zyphos_lab.probes.base import (
    NO_PROCESS,
    ROLES,
    Columns,
    Pids,
    Probe,
    Role,
    Skipped,
    absent,
    add_per_request,
    others,
)

SOFTWARE = (
    "task_clock_ns",
    "context_switches",
    "cpu_migrations",
    "page_faults_minor",
    "page_faults_major",
)
HARDWARE = ("cycles", "instructions", "branches", "branch_misses", "cache_misses")

MULTIPLEXED = ("enabled_ns", "running_ns", "running_ratio")  # how much of the time it counted

Reading = tuple[int, int, int]  # value, enabled_ns, running_ns
OfThread = dict[str, Reading]  # by event, of those that count
RawPerf = dict[Role, list[OfThread]]

THREADS_MAX = 16  # that have columns of their own
NONE: Reading = (0, 0, 0)


class PerfProbe(Probe[RawPerf]):
    """Opens its events in `attach`, one descriptor per event and thread."""

    name = "perf"
    costly = "costs the target some microseconds per context switch"
    grows = frozenset(
        f"{role}_perf_thread{number}_{event}"
        for role in ROLES
        for number in range(THREADS_MAX)
        for event in (*SOFTWARE, *HARDWARE)
    )

    def __init__(self) -> None:
        self._counters: dict[Role, Any] = {}
        self._make, self.reason = native.opened(lambda core: core.PerfCounters)

    def attach(self, pids: Pids, port: int) -> None:
        self._counters.clear()
        if self.reason:
            return
        for role in ROLES:
            if members := processes.tree(pids.get(role, ()), others(pids, role)):
                self._counters[role] = self._make(members)

    def snapshot(self) -> RawPerf:
        return {role: counters.read() for role, counters in self._counters.items()}

    def columns(self, before: RawPerf, after: RawPerf, requests: int) -> tuple[Columns, Skipped]:
        columns: Columns = {}
        skipped: Skipped = {"perf": self.reason} if self.reason else {}
        for role in ROLES:
            names = [f"{role}_perf_{name}" for name in (*SOFTWARE, *HARDWARE)]
            ratios = [f"{role}_perf_{name}_{what}" for name in HARDWARE for what in MULTIPLEXED]
            count = f"{role}_perf_threads"
            columns.update(absent((*names, *ratios, count), names))
            if role in before and role in after:
                deltas = [_grown(*edges) for edges in zip(before[role], after[role], strict=True)]
                self._add_role(role, columns, skipped, _sum(deltas))
                self._add_threads(role, columns, skipped, deltas)
                add_per_request(columns, names, requests)
            elif not self.reason:
                skipped[f"{role}_perf"] = NO_PROCESS
        return columns, skipped

    def _add_role(self, role: Role, columns: Columns, skipped: Skipped, sums: OfThread) -> None:
        for name, reading in sums.items():
            _, enabled, running = reading
            column = f"{role}_perf_{name}"
            columns[column] = value = _whole(name, reading)
            if name in HARDWARE and enabled:
                shares = (enabled, running, running / enabled)
                columns.update(
                    {f"{column}_{what}": v for what, v in zip(MULTIPLEXED, shares, strict=True)}
                )
            if value is None:
                skipped[column] = "the PMU was never free for it in the window"
        _skip(role, skipped, self._counters[role].reasons)

    def _add_threads(
        self, role: Role, columns: Columns, skipped: Skipped, deltas: Sequence[OfThread]
    ) -> None:
        columns[f"{role}_perf_threads"] = sum(map(bool, deltas)) or None
        if len(deltas) > THREADS_MAX:
            skipped[f"{role}_perf_thread{THREADS_MAX}"] = (
                f"only the first {THREADS_MAX} of {len(deltas)} threads have columns of their own"
            )
        threads = self._counters[role].threads[:THREADS_MAX]
        for number, ((_, _, name), found) in enumerate(zip(threads, deltas, strict=False)):
            prefix = f"{role}_perf_thread{number}"
            columns[f"{prefix}_name"] = name
            for event, reading in found.items():
                columns[f"{prefix}_{event}"] = _whole(event, reading)
                if event in HARDWARE and reading[1]:
                    columns[f"{prefix}_{event}_running_ratio"] = reading[2] / reading[1]

    def rest(self) -> None:
        self._counters.clear()  # which closes its events

    def close(self) -> None:
        self._counters.clear()
        self.reason = "the probe is closed"


def _grown(old: OfThread, new: OfThread) -> OfThread:
    """What one thread's events have grown by."""
    deltas = {name: [b - a for a, b in zip(old[name], new[name], strict=True)] for name in old}
    return {name: (value, enabled, running) for name, (value, enabled, running) in deltas.items()}


def _sum(deltas: Sequence[OfThread]) -> OfThread:
    sums: OfThread = {}
    for one in deltas:
        for name, reading in one.items():
            value, enabled, running = map(add, sums.get(name, NONE), reading)
            sums[name] = (value, enabled, running)
    return sums


def _whole(name: str, reading: Reading) -> int | None:
    """The count; scaled where it shared the PMU, None where it never had it. A thread that did not
    run was not asked for either (enabled is 0) and counted all there was.
    """
    value, enabled, running = reading
    if name in SOFTWARE or enabled == 0:
        return value
    return round(value * enabled / running) if running else None


def _skip(role: Role, skipped: Skipped, reasons: dict[str, str]) -> None:
    """One entry for a group of events that share their reason: all, hardware; else one for each."""
    left = dict(reasons)
    for group, names in (("perf", (*SOFTWARE, *HARDWARE)), ("perf_hardware", HARDWARE)):
        texts = {left.get(name, "") for name in names}
        if len(texts) == 1 and (text := texts.pop()):
            skipped[f"{role}_{group}"] = text
            left = {name: reason for name, reason in left.items() if name not in names}
    skipped.update({f"{role}_perf_{name}": text for name, text in left.items()})
