"""Processes as a probe reads them within a measured window: files, trees, clocks. Linux only.

The walk over a tree is proc.py's, which reads the children's lists of that tree alone; what has to
look at every process there is (proc.session) has no place in a window.

Every function takes a process that may end at any moment: what is gone is left out, not an error.
Source: proc(5).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from zyphos_lab.proc import (
    CLOCK_EXACT,
    CLOCK_SAMPLED,
    CLOCK_SAMPLED_USER,
    children,
    cpu_ns,
    first_threads,
    read,
    thread_count,
    threads,
    tree,
)

__all__ = ["affinity", "children", "cpu_cgroup", "cpu_ns", "first_threads", "net_namespaces"]
__all__ += ["CLOCK_EXACT", "CLOCK_SAMPLED", "CLOCK_SAMPLED_USER", "read", "sockets_in_use"]
__all__ += ["thread_count", "threads", "tree"]


def net_namespaces(pids: Mapping[Any, Iterable[int]]) -> list[str]:
    """Files of the network namespaces that these processes are in, each namespace once; of no
    process that of the caller. "" stands for the caller's own, which needs no rights to enter.

    An emulated link's processes are of no side.
    """
    found: dict[tuple[int, int], str] = {}
    own = _identity("/proc/self/ns/net")
    sides = [side for role, side in pids.items() if role != "link"]
    for process in (process for side in sides for process in side):
        path = f"/proc/{process}/ns/net"
        identity = _identity(path)
        if identity is not None:
            found.setdefault(identity, "" if identity == own else path)
    return list(found.values()) or [""]


def sockets_in_use(folder: str) -> Iterator[int | None]:
    """TCP sockets of IPv4 and of IPv6 in a namespace whose /proc/PID/net this is, but TIME_WAIT.

    Of the line `TCP: inuse 5 orphan 0 tw 3 alloc 7 mem 1`, or `TCP6: inuse 1`.
    """
    for name in ("sockstat", "sockstat6"):
        lines = (read(f"{folder}/{name}") or b"").splitlines()
        found = [line for line in lines if line.startswith((b"TCP: inuse ", b"TCP6: inuse "))]
        missing = None if name == "sockstat" else 0  # without IPv6 there is no such file
        yield int(found[0].split()[2]) if found else missing


def _identity(path: str) -> tuple[int, int] | None:
    """Device and inode; None where it is gone, or another user's."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def affinity(thread: int) -> frozenset[int]:
    """CPUs that a thread may run on; empty when it is gone."""
    try:
        return frozenset(os.sched_getaffinity(thread))
    except OSError:
        return frozenset()


def cpu_cgroup(process: int) -> str | None:
    """Folder of the control group with a process's CPU limits, version 2 or 1; None without one.

    The mount points are the usual ones. On mixed systems version 1, where it has the cpu
    controller.
    """
    text = (read(f"/proc/{process}/cgroup") or b"").decode()
    entries = [line.split(":", 2) for line in text.splitlines()]
    for _, controllers, path in sorted(entries, key=lambda entry: entry[1] == ""):
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = (f"/{controllers}", "/cpu") if controllers else ("", "/unified")
        for name in names:
            folder = f"/sys/fs/cgroup{name}{path.rstrip('/')}"
            if os.path.exists(f"{folder}/cpu.stat"):
                return folder
    return None
