"""Processes as /proc shows them: trees, threads, CPU clocks. Linux only.

Every function takes a process that may end at any moment: what is gone is left out, not an error.
Source: proc(5), clock_getcpuclockid(3); clock ids as in include/linux/posix-timers_types.h.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable

# Kinds of the per-process clocks: sampled user + system, sampled user, exact run time.
CLOCK_SAMPLED = 0
CLOCK_SAMPLED_USER = 1
CLOCK_EXACT = 2


def read(path: str) -> bytes | None:
    """The whole file; None where it, or the process that it is about, is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        chunks = []
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
            if len(chunk) < 4096:  # procfs fills whole pages but for the last
                break
        return b"".join(chunks)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def threads(process: int) -> list[int]:
    """Thread ids of a process; empty when it is gone."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{process}/task")]
    except OSError:
        return []


def children(process: int) -> list[int]:
    """Direct children, of all its threads (needs CONFIG_PROC_CHILDREN, which distributions set)."""
    found: list[int] = []
    for thread in threads(process):
        text = read(f"/proc/{process}/task/{thread}/children")
        found += [int(word) for word in (text or b"").split()]
    return found


def tree(roots: Iterable[int], apart: Collection[int] = ()) -> list[int]:
    """The roots that live and all that descends from them, parents first, each once.

    Processes of `apart`, and what descends from them, are left out: another side's roots, where one
    side started the other.
    """
    found: dict[int, None] = {}
    pending = [root for root in roots if os.path.exists(f"/proc/{root}")]
    while pending:
        process = pending.pop(0)
        if process not in found and process not in apart:
            found[process] = None
            pending += children(process)
    return list(found)


def cpu_ns(process: int, kind: int = CLOCK_EXACT) -> int | None:
    """CPU of a whole process since its start, ended threads included; None when it is gone.

    CLOCK_EXACT is the scheduler's run time, to the nanosecond at the moment of the call. The
    sampled kinds advance by whole ticks (1-10 ms) on kernels without full CPU accounting. Needs
    no rights.
    """
    try:
        return time.clock_gettime_ns((~process << 3) | kind)
    except OSError:
        return None


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
