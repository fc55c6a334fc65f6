"""Probe `bpf_stats`: what the kernel says of our own BPF programs (cpp/probe/bpf_stats.h).

Columns, for every program that the run's other probes have loaded: `observer_bpf_<program>_run_ns`
and `_runs` in the window, for all processes of the machine together (a program at a tracepoint runs
for each before it looks whose call it is); `_missed` counts runs that the kernel refused since the
program ran on that CPU already: where it is not 0 that program's counts are too low.
`observer_bpf_run_ns` is the sum over programs. Exact, by the kernel's own clock.

The kernel's way to a program is not in it (two thirds of a count's cost; `observer_bpf_ns` has it,
estimated), and taking the times costs each run some 20 to 50 ns: hence only where it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zyphos_lab.probes import native
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped, absent

TOTAL = "observer_bpf_run_ns"


@dataclass(frozen=True, slots=True)
class Program:
    """One program since it was loaded."""

    name: str
    runs: int
    run_ns: int
    missed: int


RawStats = dict[int, Program]


class BpfStatsProbe(Probe[RawStats]):
    """Makes the kernel take times from its making on, but for its rests."""

    name = "bpf_stats"
    costly = "reads the clock twice in each run of any BPF program on the machine"

    def __init__(self) -> None:
        self._stats: Any = None
        self.wake()

    def attach(self, pids: Pids, port: int) -> None:
        """Its programs are the run's, not a trial's."""

    def rest(self) -> None:
        self._stats = None  # the kernel stops when nobody wants them

    def wake(self) -> None:
        if self._stats is None and not self.reason:
            self._stats, self.reason = native.opened(lambda core: core.enable_bpf_stats())

    def snapshot(self) -> RawStats:
        if self._stats is None:
            return {}
        return {number: Program(*figures) for number, *figures in self._stats.read()}

    def columns(self, before: RawStats, after: RawStats, requests: int) -> tuple[Columns, Skipped]:
        columns = absent([TOTAL])
        if self.reason:
            return columns, {self.name: self.reason}
        pairs = [(before[number], after[number]) for number in before.keys() & after.keys()]
        if not pairs:
            return columns, {self.name: "no probe of this run has loaded a BPF program"}
        for old, new in pairs:
            # Programs of one name (each probe follows forks by its own) are one column.
            for what in ("run_ns", "runs", "missed"):
                column = f"observer_bpf_{new.name}_{what}"
                delta = getattr(new, what) - getattr(old, what)
                columns[column] = int(columns.get(column) or 0) + delta
        columns[TOTAL] = sum(new.run_ns - old.run_ns for old, new in pairs)
        return columns, {}

    def close(self) -> None:
        self._stats = None
        self.reason = "the probe is closed"
