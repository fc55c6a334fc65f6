"""Probe `steal`: which of the load's intervals the hypervisor left alone, and p99.9 over those.

A host that takes the CPU away for some ms is in the tail of whatever runs then. Columns:
  latency_ns_p99_9_without_steal   p99.9 of the requests that were due in intervals without steal
  requests_done_without_steal      those requests
  intervals_without_steal          those intervals
  intervals_without_steal_ratio    their share of the window's
  steal_samples                    readings within the window
  observer_steal_ns                CPU time of the thread that reads

An interval is without steal when no CPU that the trial may use had lost a tick between the last
reading at or before MARGIN_NS before its start and the first one at or after MARGIN_NS beyond its
end. So who was due in it and was still under way is in it, too; intervals are chosen by the host's
evidence alone, never by what was measured in them. Each PERIOD_NS /proc/stat is read, whose steal
is in ticks of 10 ms: less than a tick is seen when it has added up to one.

None, with its reason, and never a zero: where too few requests are left to bound p99.9 (3,688),
where some were never answered (of which interval is not recorded), where the kernel or the
hypervisor tells no steal. On bare metal there is none, and all intervals are without.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zyphos_lab.probes import host, processes
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped, absent, now_ns
from zyphos_lab.probes.native import core
from zyphos_lab.stats.sizes import requests_to_bound

QUANTILE = 0.999
PERIOD_NS = 50_000_000
MARGIN_NS = 20_000_000  # a tick may be told that late, and a request be under way that long
SAMPLES_MAX = 72_000  # an hour
OF_INTERVALS = ("latency_ns_p99_9_without_steal", "requests_done_without_steal",
                "intervals_without_steal", "intervals_without_steal_ratio")  # fmt: skip
OF_SAMPLES = ("steal_samples", "observer_steal_ns")
UNTOLD = "this machine is a guest whose kernel has never counted any steal: it may not be told"
NO_COLUMN = "/proc/stat has no steal"
NO_INTERVALS = "the load has no intervals"
CENSORED = "some requests were never answered, and of which interval is not recorded"


@dataclass(frozen=True, slots=True)
class Reading:
    """`ticks`: CPU -> its steal since the machine started; `cpu_ns`: the thread's own by then."""

    time_ns: int
    cpu_ns: int
    ticks: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Edge:
    time_ns: int
    watched: frozenset[int]


class StealProbe(Probe[Edge]):
    """Some 50 us of the runner's time for each reading. Needs no rights."""

    name = "steal"

    def __init__(self) -> None:
        self._roots: tuple[int, ...] = ()
        self._readings: list[Reading] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def attach(self, pids: Pids, port: int) -> None:
        self.rest()
        self._roots = tuple(pid for roots in pids.values() for pid in roots)
        self._readings = [read(0)]
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="zy-steal", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due_ns = now_ns()
        while len(self._readings) < SAMPLES_MAX:
            due_ns += PERIOD_NS
            if self._stop.wait(max(0, due_ns - now_ns()) / 1e9):
                return
            self._readings.append(read(time.thread_time_ns()))

    def snapshot(self) -> Edge:
        tree = processes.tree(self._roots)
        affinities = {process: host.affinity_of(process) for process in tree}
        watched, _ = host.watched_cpus(affinities, self._readings[0].ticks.keys())
        return Edge(now_ns(), frozenset(watched))

    def columns(self, before: Edge, after: Edge, requests: int) -> tuple[Columns, Skipped]:
        columns = absent(OF_SAMPLES)
        inside = [one for one in self._readings if before.time_ns <= one.time_ns <= after.time_ns]
        columns["steal_samples"] = len(inside)
        if inside:
            columns["observer_steal_ns"] = inside[-1].cpu_ns - inside[0].cpu_ns
        return columns, {}

    def of_load(
        self, before: Edge, after: Edge, result: Mapping[str, Any]
    ) -> tuple[Columns, Skipped]:
        self.rest()
        # One more, so that the last interval has a reading behind it.
        readings = [*self._readings, read(0)]
        columns, reason = told(readings, after.watched, result, is_guest())
        missing = self.name if columns["intervals_without_steal"] is None else OF_INTERVALS[0]
        return columns, {missing: reason} if reason else {}

    def rest(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        self.rest()
        self.reason = "the probe is closed"


def read(cpu_ns: int) -> Reading:
    """As it is now; no ticks where there are none to read."""
    stat = processes.read("/proc/stat") or b""
    return Reading(now_ns(), cpu_ns, {cpu: one.steal for cpu, one in host.cpus_of(stat).items()})


def is_guest() -> bool:
    """Whether a hypervisor is below (x86: it says so in the processor's flags)."""
    return b" hypervisor" in (processes.read("/proc/cpuinfo") or b"")


def told(
    readings: Sequence[Reading], watched: frozenset[int], result: Mapping[str, Any], guest: bool
) -> tuple[Columns, str]:
    """The columns of the load's intervals, and why the quantile is missing ("" if it is not)."""
    columns = absent(OF_INTERVALS)
    parts = result.get("intervals") or []
    if reason := _unknown(readings, watched, parts, guest):
        return columns, reason
    ends = [part["start_ns"] for part in parts[1:]] + [parts[0]["start_ns"] + result["window_ns"]]
    free = [
        part.get("latency_ns")
        for part, end_ns in zip(parts, ends, strict=True)
        if untouched(readings, watched, part["start_ns"] - MARGIN_NS, end_ns + MARGIN_NS)
    ]
    merged = core().Histogram()
    for text in filter(None, free):
        merged.add(core().Histogram.decode(base64.b64decode(text)))
    columns["intervals_without_steal"] = len(free)
    columns["intervals_without_steal_ratio"] = len(free) / len(parts)
    columns["requests_done_without_steal"] = merged.count
    if result.get("requests_censored"):
        return columns, CENSORED
    if merged.count < requests_to_bound(QUANTILE):
        return columns, f"only {merged.count} requests in {len(free)} intervals without steal"
    columns[OF_INTERVALS[0]] = merged.quantile(QUANTILE)
    return columns, ""


def _unknown(
    readings: Sequence[Reading], watched: frozenset[int], parts: Sequence[object], guest: bool
) -> str:
    """Why nothing can be said of any interval; "" where something can."""
    if not parts:
        return NO_INTERVALS
    if not all(one.ticks.keys() >= watched for one in readings):
        return NO_COLUMN
    return UNTOLD if guest and not any(readings[-1].ticks.values()) else ""


def untouched(
    readings: Sequence[Reading], watched: frozenset[int], start_ns: int, end_ns: int
) -> bool:
    """Whether no CPU of these lost a tick in all of that time; False where readings do not say."""
    before = [one for one in readings if one.time_ns <= start_ns]
    behind = [one for one in readings if one.time_ns >= end_ns]
    if not before or not behind:
        return False
    first, last = before[-1], behind[0]
    return all(first.ticks[cpu] == last.ticks[cpu] for cpu in watched)
