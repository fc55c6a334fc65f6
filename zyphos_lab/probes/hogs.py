"""Who else used the machine's CPU between two moments: processes by name, with what they used.

Evidence for `other_load`, not its measure: that one counts ticks of the trial's own CPUs, this one
the exact CPU clock of each process that may run there. What began and ended in between is not seen.
Cost: some 0.2 ms for 100 processes, and no rights.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from zyphos_lab.probes import processes

SHOWN_MAX = 5
SHARE_MIN = 0.01  # of one core; less explains nothing

Clocks = Mapping[int, int]  # process -> CPU since its start, ns


def clocks(apart: Collection[int] = ()) -> Clocks:
    """The CPU clocks of all processes (kernel threads too) but those in `apart`."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    found = {pid: processes.cpu_ns(pid) for pid in pids if pid not in apart}
    return {pid: cpu_ns for pid, cpu_ns in found.items() if cpu_ns is not None}


def found(
    before: Clocks, after: Clocks, window_ns: int, cpus: Collection[int]
) -> list[dict[str, Any]]:
    """The greediest processes that may run on one of `cpus`: {pid, comm, cpu_ratio (of a core)}.

    A process that is new in `after` is counted from its start.
    """
    used = {pid: cpu_ns - before.get(pid, 0) for pid, cpu_ns in after.items()}
    greedy = sorted(used, key=lambda pid: (-used[pid], pid))
    hogs: list[dict[str, Any]] = []
    for pid in greedy:
        if len(hogs) == SHOWN_MAX or used[pid] < SHARE_MIN * window_ns:
            break
        if _may_run(pid, cpus):
            ratio = round(used[pid] / window_ns, 3)
            hogs.append({"pid": pid, "comm": _comm(pid), "cpu_ratio": ratio})
    return hogs


def _may_run(pid: int, cpus: Collection[int]) -> bool:
    """Whether any thread may use one of them; a process that has just ended gets the doubt."""
    threads = processes.threads(pid)
    return not threads or any(processes.affinity(thread) & set(cpus) for thread in threads)


def _comm(pid: int) -> str:
    text = processes.read(f"/proc/{pid}/comm")
    return "(ended)" if text is None else text.decode("utf-8", "replace").strip()
