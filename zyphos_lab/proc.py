"""Facts about processes from /proc: when one started, whose child it is, what a tree holds.

A process may end at any moment: what is gone is left out, not an error. Source: proc(5),
clock_getcpuclockid(3); clock ids as in include/linux/posix-timers_types.h.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
THREADS_MANY = 512

# Kinds of the per-process clocks: sampled user + system, sampled user, exact run time.
CLOCK_SAMPLED = 0
CLOCK_SAMPLED_USER = 1
CLOCK_EXACT = 2


@dataclass(frozen=True, slots=True)
class Process:
    """`start_ticks` (clock ticks since boot) tells a process from a later one of the same pid."""

    pid: int
    parent: int
    session: int
    start_ticks: int
    state: str


def process(pid: int) -> Process | None:
    """None when there is no such process. A zombie is one (state `Z`)."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name may hold spaces and brackets; what follows its last bracket is regular.
    fields = text[text.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]), fields[0])


def everyone() -> list[Process]:
    """All processes there are now, no zombies. Cost: one small file per process."""
    found = (process(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return [one for one in found if one is not None and one.state != "Z"]


def session(pid: int) -> list[Process]:
    """All that is in the session that `pid` leads, and what descends from them; no zombies.

    Finds what has lost its parents, at the cost of looking at every process there is.
    """
    members = [pid, *(one.pid for one in everyone() if one.session == pid)]
    found = map(process, tree(members))
    return [one for one in found if one is not None and one.state != "Z"]


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


def thread_count(process: int) -> int:
    """Threads of a process; 0 when it is gone. Of thousands a list takes the kernel 50 us each."""
    try:
        return os.stat(f"/proc/{process}/task").st_nlink - 2  # a folder for each
    except OSError:
        return 0


def first_threads(process: int, most: int) -> list[int]:
    """Thread ids of a process, `most` at most: it is not asked for all of them."""
    try:
        with os.scandir(f"/proc/{process}/task") as found:
            return [int(one.name) for one in itertools.islice(found, most)]
    except OSError:
        return []


def threads(process: int) -> list[int]:
    """Thread ids of a process; empty when it is gone."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{process}/task")]
    except OSError:
        return []


def children(process: int) -> list[int]:
    """Direct children, of all its threads (needs CONFIG_PROC_CHILDREN, which distributions set).

    Each thread has a list of its own: of thousands it is quicker to ask every process there is.
    """
    if thread_count(process) > THREADS_MANY:
        return [one.pid for one in everyone() if one.parent == process]
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


def environment(pid: int) -> list[bytes]:
    """`NAME=value` entries that a process was started with; [] where they cannot be read."""
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def cpus_online() -> set[int]:
    """Numbers of the processors that exist and are switched on."""
    text = Path("/sys/devices/system/cpu/online").read_text(encoding="ascii").strip()
    cpus: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def boot_id() -> str:
    """Changes with every boot, so that an old pid is never taken for a new one."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
