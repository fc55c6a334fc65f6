"""Facts about processes from /proc: when one started, whose child it is, what a tree holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


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


def tree(pid: int, session: bool = False) -> list[Process]:
    """`pid` and its descendants, no zombies; with `session` all that is in the one it leads."""
    processes = everyone()
    members = {pid}
    if session:
        members.update(one.pid for one in processes if one.session == pid)
    while more := {one.pid for one in processes if one.parent in members} - members:
        members |= more
    return [one for one in processes if one.pid in members]


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
