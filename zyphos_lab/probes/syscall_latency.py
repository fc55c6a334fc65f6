"""Probe `syscall_latency`: how long system calls take, by name (cpp/probe/syscall_latency.h).

Columns, for each side and for every name that a side has called in a window since the probe was
made: `server_syscall_<name>_latency_ns_p50`, `_p90`, `_p99`, `_mean`, `_count`, and the time in all
its calls, `server_syscall_<name>_ns`, also per request; `server_syscalls_ns` is the sum over names.
The histograms themselves are in the store under `server_syscall_<name>_latency_ns`.

A call counts in the window in which it returns: what never does (exit), or had not by the end, is
not in it. Time includes sleeping, so that of epoll_wait is how long the server had nothing to do.
Counts, sums and means are exact; a percentile is the highest value of its bucket: never below the
truth, at most 6.25 % above. Each CPU keeps 63 names apart per side; more are `other` together.
`server_syscall_latency_lost` counts calls whose time the kernel had no memory for.

`server_observer_syscall_latency_ns` is what it cost the followed processes: calls times the cost of
one, measured at loading; some 100 ns, most of it two readings of the clock.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zyphos_lab.probes import native
from zyphos_lab.probes.base import (
    NO_PROCESS,
    ROLES,
    Columns,
    Histograms,
    Pids,
    Probe,
    Role,
    Skipped,
    absent,
    add_per_request,
)
from zyphos_lab.probes.syscalls import call_name, follow

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
NOT_CALLED = "no percentile of a name that was not called in the window"
COST = "observer_syscall_latency_ns"


@dataclass(frozen=True, slots=True)
class Reading:
    """One side at one moment, since loading: by number the sum in ns and the buckets."""

    slots: Mapping[int, bytes]
    lost: int


RawLatency = dict[Role, Reading]
Slots = dict[str, "array[int]"]  # by name: the sum in ns, then the buckets


class SyscallLatencyProbe(Probe[RawLatency]):
    """Loads the BPF programs when made (some 20 ms); `attach` only names processes to it."""

    name = "syscall_latency"
    costly = "reads the clock twice in each system call: some 100 ns"

    def __init__(self) -> None:
        self._latency: Any
        self._latency, self.reason = _loaded()
        self._roles: tuple[Role, ...] = ()
        self._seen: set[str] = set()

    def attach(self, pids: Pids, port: int) -> None:
        self._roles = tuple(role for role in ROLES if pids.get(role))
        if self._latency is not None:
            follow(self._latency, pids)

    def rest(self) -> None:
        self._latency = None  # which detaches its programs

    def wake(self) -> None:
        if self._latency is None and not self.reason:
            self._latency, self.reason = _loaded()

    def snapshot(self) -> RawLatency:
        if self._latency is None:
            return {}
        return {role: self._read(ROLES.index(role)) for role in self._roles}

    def _read(self, role: int) -> Reading:
        return Reading(self._latency.read(role), self._latency.lost(role))

    def columns(
        self, before: RawLatency, after: RawLatency, requests: int
    ) -> tuple[Columns, Skipped]:
        totals = [f"{role}_syscalls_ns" for role in ROLES]
        costs = [f"{role}_{COST}" for role in ROLES]
        losses = [f"{role}_syscall_latency_lost" for role in ROLES]
        columns = absent((*totals, *costs, *losses), (*totals, *costs))
        if self._latency is None:
            return columns, {self.name: self.reason}
        skipped: Skipped = {
            f"{role}_syscalls_ns": NO_PROCESS for role in ROLES if role not in self._roles
        }
        deltas = {role: _delta(before[role], after[role]) for role in self._roles}
        self._seen.update(*deltas.values())
        for role, slots in deltas.items():
            columns[f"{role}_syscall_latency_lost"] = after[role].lost - before[role].lost
            self._add_times(role, slots, columns, skipped)
            self._add_cost(role, slots, columns, skipped)
            times = [f"{role}_syscall_{name}_ns" for name in self._seen]
            add_per_request(columns, (f"{role}_syscalls_ns", f"{role}_{COST}", *times), requests)
        return columns, skipped

    def _add_times(self, role: Role, slots: Slots, columns: Columns, skipped: Skipped) -> None:
        columns[f"{role}_syscalls_ns"] = sum(one[0] for one in slots.values())
        for name in sorted(self._seen):
            column = f"{role}_syscall_{name}"
            columns.update(_figures(column, slots.get(name)))
            if name not in slots:
                skipped[f"{role}_syscall_latency"] = NOT_CALLED

    def _add_cost(self, role: Role, slots: Slots, columns: Columns, skipped: Skipped) -> None:
        if self._latency.cost_ns < 0:
            skipped[COST] = "the machine was too restless to measure it when loading"
            return
        calls = sum(sum(one[1:]) for one in slots.values())
        columns[f"{role}_{COST}"] = round(self._latency.cost_ns * calls)

    def histograms(self, before: RawLatency, after: RawLatency) -> Histograms:
        return {
            f"{role}_syscall_{name}_latency_ns": base64.b64encode(_histogram(one).encode()).decode()
            for role in before.keys() & after.keys()
            for name, one in _delta(before[role], after[role]).items()
        }

    def close(self) -> None:
        self._latency = None
        self.reason = "the probe is closed"


def _loaded() -> tuple[Any, str]:
    return native.opened(lambda core: core.load_syscall_latency())


def _figures(column: str, slots: array[int] | None) -> Columns:
    """One name's columns; percentiles and the mean of no call are None."""
    times = {f"{column}_latency_ns_{name}": None for name in (*QUANTILES, "mean")}
    if slots is None:
        return {**times, f"{column}_latency_ns_count": 0, f"{column}_ns": 0}
    histogram = _histogram(slots)
    return {
        **{
            f"{column}_latency_ns_{name}": histogram.quantile(share)
            for name, share in QUANTILES.items()
        },
        f"{column}_latency_ns_mean": slots[0] / histogram.count,
        f"{column}_latency_ns_count": histogram.count,
        f"{column}_ns": slots[0],
    }


def _histogram(slots: array[int]) -> Any:
    return native.core().SyscallLatency.histogram(slots)


def _delta(before: Reading, after: Reading) -> Slots:
    """By name, of the calls that returned in between."""
    deltas: Slots = {}
    for number, new in after.slots.items():
        now = array("Q", new)
        was = array("Q", before.slots.get(number, bytes(len(new))))
        delta = array("Q", (new - old for old, new in zip(was, now, strict=True)))
        if any(delta[1:]):
            deltas[call_name(number)] = delta
    return deltas
