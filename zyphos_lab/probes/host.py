"""Probe `host`: what else the machine did in the window, as `host_*`: the evidence for the verdict.

The CPUs watched are those that the trial's threads may run on. `host_pinned` says whether each
process keeps to a part of the machine; only then is other load told apart from the trial's own.
Sources: /proc/stat (10 ms a CPU: smaller amounts are not seen), /proc/vmstat, /proc/pressure,
cpu.stat of the trial's cgroup, thermal_throttle in sysfs, the processes' own CPU clocks (exact),
everybody else's (hogs.py) and the machine's clocks (clocks.py). Some 0.4 ms a snapshot. What the
runner itself took to watch (its sampling threads) is the observer's, not other load.
"""

from __future__ import annotations

import glob
import json
import os
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from zyphos_lab.probes import clocks, hogs, processes
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped, absent, now_ns
from zyphos_lab.probes.rusage import TICK_NS

COLUMNS = (
    "host_window_ns",
    "host_cpus_watched",
    "host_pinned",
    "host_steal_ns",
    "host_steal_ratio",
    "host_cpu_own_ns",
    "host_cpu_runner_ns",
    "host_cpu_other_ns",
    "host_cpu_other_ratio",
    "host_hogs",
    "host_context_switches",
    "host_swap_in_pages",
    "host_swap_out_pages",
    "host_throttled_ns",
    "host_thermal_throttles",
    "host_psi_cpu_some_ns",
    "host_psi_memory_some_ns",
    "host_psi_memory_full_ns",
    "host_psi_io_some_ns",
    *clocks.COLUMNS,
)
GROWING = (
    *("host_steal_ns", "host_cpu_own_ns", "host_cpu_runner_ns", "host_cpu_other_ns"),
    "host_context_switches",
    *("host_swap_in_pages", "host_swap_out_pages", "host_throttled_ns", "host_thermal_throttles"),
    *("host_psi_cpu_some_ns", "host_psi_memory_some_ns", "host_psi_memory_full_ns"),
    "host_psi_io_some_ns",
)
PRESSURES = (("cpu", "some"), ("memory", "some"), ("memory", "full"), ("io", "some"))
THERMAL = "/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"


@dataclass(frozen=True, slots=True)
class RawHost:
    """Files as read, the trial's own CPU per process, and which CPUs its threads may use."""

    time_ns: int
    stat: bytes
    vmstat: bytes | None
    throttle: bytes | None
    thermal: tuple[int, ...]
    pressure: dict[str, bytes | None]
    own_ns: dict[int, int]
    affinities: dict[int, frozenset[int]] = field(default_factory=dict)
    others_ns: hogs.Clocks = field(default_factory=dict)
    clocks: clocks.Clocks | None = None
    runner_ns: int = 0
    runner_cpus: frozenset[int] = frozenset()


class HostProbe(Probe[RawHost]):
    """Always on; needs no rights."""

    name = "host"
    grows = GROWING

    def __init__(self) -> None:
        self._roots: tuple[int, ...] = ()
        self._throttle_file = _throttle_file(os.getpid())
        self._thermal_files = glob.glob(THERMAL)

    def attach(self, pids: Pids, port: int) -> None:
        self._roots = tuple(pid for roots in pids.values() for pid in roots)
        self._throttle_file = _throttle_file(self._roots[0] if self._roots else os.getpid())

    def snapshot(self) -> RawHost:
        members = processes.tree(self._roots)
        own = {process: processes.cpu_ns(process) for process in members}
        return RawHost(
            now_ns(),
            processes.read("/proc/stat") or b"",
            processes.read("/proc/vmstat"),
            processes.read(self._throttle_file) if self._throttle_file else None,
            tuple(int(processes.read(path) or 0) for path in self._thermal_files),
            {name: processes.read(f"/proc/pressure/{name}") for name in ("cpu", "memory", "io")},
            {process: cpu for process, cpu in own.items() if cpu is not None},
            {process: affinity_of(process) for process in members},
            hogs.clocks(members),
            clocks.read(),
            time.process_time_ns(),
            frozenset(os.sched_getaffinity(0)),
        )

    def columns(self, before: RawHost, after: RawHost, requests: int) -> tuple[Columns, Skipped]:
        columns = absent(COLUMNS)
        skipped: Skipped = {}
        columns["host_window_ns"] = after.time_ns - before.time_ns
        _add_cpus(columns, skipped, before, after)
        _add_vmstat(columns, skipped, before, after)
        _add_throttling(columns, skipped, before, after)
        _add_pressure(columns, skipped, before, after)
        if before.clocks is not None and after.clocks is not None:
            columns.update(clocks.columns(before.clocks, after.clocks))
        return columns, skipped


def affinity_of(process: int) -> frozenset[int]:
    cpus: frozenset[int] = frozenset()
    # Threads of one process are pinned alike or one by one; past some hundred the first ones must
    # do.
    for thread in processes.first_threads(process, 128):
        cpus |= processes.affinity(thread)
    return cpus


def _add_cpus(columns: Columns, skipped: Skipped, before: RawHost, after: RawHost) -> None:
    old, new = cpus_of(before.stat), cpus_of(after.stat)
    watched, pinned = watched_cpus(after.affinities or before.affinities, old.keys() & new.keys())
    columns["host_cpus_watched"] = ",".join(map(str, watched))
    columns["host_pinned"] = pinned
    _add_steal(columns, [new[cpu].steal - old[cpu].steal for cpu in watched])
    greedy = hogs.found(before.others_ns, after.others_ns, _window_ns(columns), watched)
    columns["host_hogs"] = json.dumps(greedy)
    switches = [_numbers(raw.stat)["ctxt"] for raw in (before, after)]
    columns["host_context_switches"] = switches[1] - switches[0]  # of the whole machine
    if not pinned:
        skipped["host_cpu_other"] = "the trial's processes are not pinned to a part of the machine"
    elif before.own_ns.keys() != after.own_ns.keys():
        skipped["host_cpu_other"] = "processes of the trial came or went in the window"
    else:
        busy_ticks = sum(new[cpu].busy - old[cpu].busy for cpu in watched)
        columns["host_cpu_own_ns"] = own_ns = sum(after.own_ns.values()) - sum(
            before.own_ns.values()
        )
        runner_ns = 0
        if before.runner_cpus | after.runner_cpus <= set(watched):
            columns["host_cpu_runner_ns"] = runner_ns = after.runner_ns - before.runner_ns
        else:
            skipped["host_cpu_runner"] = "the runner may use other CPUs too: part of the other load"
        _add_other(columns, busy_ticks * TICK_NS - own_ns - runner_ns)


def watched_cpus(
    affinities: dict[int, frozenset[int]], online: AbstractSet[int]
) -> tuple[list[int], bool]:
    """(CPUs that the trial's processes may use, whether each keeps to a part of those online)."""
    sets = [cpus & online for cpus in affinities.values() if cpus]
    together = frozenset[int]().union(*sets) or online
    return sorted(together), bool(sets) and all(cpus < online for cpus in sets)


def _add_steal(columns: Columns, ticks: list[int]) -> None:
    """From the ticks stolen on each watched CPU; the ratio is that of the CPU that lost most."""
    columns["host_steal_ns"] = sum(ticks) * TICK_NS
    columns["host_steal_ratio"] = max(ticks, default=0) * TICK_NS / _window_ns(columns)


def _add_other(columns: Columns, left_ns: int) -> None:
    # Never below zero: ticks are coarser than the processes' own clocks.
    columns["host_cpu_other_ns"] = other_ns = max(0, left_ns)
    columns["host_cpu_other_ratio"] = other_ns / _window_ns(columns)


def _window_ns(columns: Columns) -> int:
    window_ns = columns["host_window_ns"]
    assert isinstance(window_ns, int)
    return max(1, window_ns)


@dataclass(frozen=True, slots=True)
class Cpu:
    """One CPU's line of /proc/stat, in clock ticks (10 ms)."""

    busy: int
    steal: int


def cpus_of(stat: bytes) -> dict[int, Cpu]:
    found: dict[int, Cpu] = {}
    for line in stat.splitlines():
        words = line.split()
        if words and words[0].startswith(b"cpu") and words[0] != b"cpu":
            user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
            found[int(words[0][3:])] = Cpu(user + nice + system + irq + softirq, steal)
    return found


def _numbers(text: bytes) -> dict[str, int]:
    """Lines "name number" (more numbers are left out) as a mapping."""
    pairs = (line.split() for line in text.decode("ascii").splitlines())
    return {words[0]: int(words[1]) for words in pairs if len(words) > 1 and words[1].isdigit()}


def _add_vmstat(columns: Columns, skipped: Skipped, before: RawHost, after: RawHost) -> None:
    old, new = _numbers(before.vmstat or b""), _numbers(after.vmstat or b"")
    for column, key in (("host_swap_in_pages", "pswpin"), ("host_swap_out_pages", "pswpout")):
        if key in old and key in new:
            columns[column] = new[key] - old[key]
        else:
            skipped[column] = f"no {key} in /proc/vmstat: this kernel has no swap"


def _add_throttling(columns: Columns, skipped: Skipped, before: RawHost, after: RawHost) -> None:
    old, new = _throttled_ns(before.throttle), _throttled_ns(after.throttle)
    if old is None or new is None:
        skipped["host_throttled_ns"] = "no cpu.stat with throttling figures in the trial's cgroup"
    else:
        columns["host_throttled_ns"] = new - old
    if after.thermal:
        columns["host_thermal_throttles"] = sum(after.thermal) - sum(before.thermal)
    else:
        skipped["host_thermal_throttles"] = (
            "no thermal_throttle in sysfs (virtual machine, or not x86)"
        )


def _throttle_file(process: int) -> str | None:
    folder = processes.cpu_cgroup(process)
    return None if folder is None else f"{folder}/cpu.stat"


def _throttled_ns(text: bytes | None) -> int | None:
    numbers = _numbers(text or b"")
    if "throttled_usec" in numbers:  # version 2
        return numbers["throttled_usec"] * 1000
    return numbers.get("throttled_time")  # version 1, ns


def _add_pressure(columns: Columns, skipped: Skipped, before: RawHost, after: RawHost) -> None:
    for resource, kind in PRESSURES:
        old = _stalled_ns(before.pressure[resource], kind)
        new = _stalled_ns(after.pressure[resource], kind)
        if old is None or new is None:
            skipped["host_psi"] = "no /proc/pressure: boot with psi=1"
        else:
            columns[f"host_psi_{resource}_{kind}_ns"] = new - old


def _stalled_ns(text: bytes | None, kind: str) -> int | None:
    for line in (text or b"").decode("ascii").splitlines():
        if line.startswith(kind):
            return int(line.rpartition("total=")[2]) * 1000
    return None
