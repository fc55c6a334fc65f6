"""Probe `perf`: kernel and hardware events of whole process trees (cpp/probe/perf_event.h).

Columns: `server_perf_<event>` and per request; hardware events that shared the PMU are scaled by
the time they were off, and `server_perf_<event>_running_ratio` says for how much of the window
they counted. Threads and children that ended are included. Without a PMU the hardware
columns are None with that reason.

Opening them costs the target some microseconds per context switch on top, which task_clock_ns
does not show but the CPU of probe `rusage` does: never compare instrumented with plain trials.
"""

from __future__ import annotations

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

Reading = tuple[int, int, int]  # value, enabled_ns, running_ns
RawPerf = dict[Role, dict[str, Reading]]


class PerfProbe(Probe[RawPerf]):
    """Opens its events in `attach`, one descriptor per event and thread."""

    name = "perf"

    def __init__(self) -> None:
        self._counters: dict[Role, Any] = {}
        try:
            self._make = native.core().PerfCounters
        except ImportError as error:
            self.reason = str(error)

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
            ratios = [f"{role}_perf_{name}_running_ratio" for name in HARDWARE]
            columns.update(absent((*names, *ratios), names))
            if role in before and role in after:
                self._add_role(role, columns, skipped, (before[role], after[role]))
                add_per_request(columns, names, requests)
            elif not self.reason:
                skipped[f"{role}_perf"] = NO_PROCESS
        return columns, skipped

    def _add_role(
        self,
        role: Role,
        columns: Columns,
        skipped: Skipped,
        edges: tuple[dict[str, Reading], dict[str, Reading]],
    ) -> None:
        old, new = edges
        for name in sorted(old.keys() & new.keys()):
            value, enabled, running = (b - a for a, b in zip(old[name], new[name], strict=True))
            column = f"{role}_perf_{name}"
            if (
                name in SOFTWARE or enabled == 0
            ):  # enabled is 0 where the process did not run at all
                columns[column] = value
                continue
            columns[f"{column}_running_ratio"] = running / enabled
            if running:
                columns[column] = round(value * enabled / running)
            else:
                skipped[column] = "the PMU was never free for it in the window"
        _skip(role, skipped, self._counters[role].reasons)

    def close(self) -> None:
        self._counters.clear()
        self.reason = "the probe is closed"


def _skip(role: Role, skipped: Skipped, reasons: dict[str, str]) -> None:
    """One entry for a group of events that share their reason: all, hardware; else one for each."""
    left = dict(reasons)
    for group, names in (("perf", (*SOFTWARE, *HARDWARE)), ("perf_hardware", HARDWARE)):
        texts = {left.get(name, "") for name in names}
        if len(texts) == 1 and (text := texts.pop()):
            skipped[f"{role}_{group}"] = text
            left = {name: reason for name, reason in left.items() if name not in names}
    skipped.update({f"{role}_perf_{name}": text for name, text in left.items()})
