"""Network namespaces: entering one, the names that a run gives its own, sweeping what was left.

A run's namespaces are called `zy-PID-STARTTICKS-role` after the process that made them, so that the
next start can tell those whose maker is dead. Nothing here looks at or changes any other one.
Source: setns(2), umount2(2), ip-netns(8). Thread safety: a namespace is a thread's own matter.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zyphos_lab import proc

CLONE_NEWNET = 0x40000000
MNT_DETACH = 2
FOLDER = Path("/run/netns")  # as ip-netns(8) has it
NAME = re.compile(r"zy-(\d+)-(\d+)-\w+\Z")
OWN = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def entered(path: str | None) -> Iterator[None]:
    """Meanwhile this thread is in the namespace at `path` (None: where it is).

    Sockets made and processes started there stay there. OSError with `path` where it cannot.
    """
    if path is None:
        yield
        return
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        own = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(there, path)
            try:
                yield
            finally:
                _enter(own, OWN)
        finally:
            os.close(own)
    finally:
        os.close(there)


def _enter(descriptor: int, path: str) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)


def mark() -> str:
    """What the names of this process's namespaces begin with: `zy-PID-STARTTICKS`."""
    own = proc.process(os.getpid())
    assert own is not None
    return f"zy-{own.pid}-{own.start_ticks}"


def remove(name: str) -> None:
    """Takes the namespace's name away; it ends with its last process. Safe to repeat.

    PermissionError without the right to.
    """
    path = FOLDER / name
    if _libc.umount2(os.fsencode(path), MNT_DETACH) != 0:
        error = ctypes.get_errno()
        if isinstance(OSError(error, ""), PermissionError):
            raise PermissionError(error, os.strerror(error), str(path))
    path.unlink(missing_ok=True)


def sweep() -> list[str]:
    """Removes the namespaces whose maker is dead; their names. What it may not is left alone."""
    removed = []
    for path in sorted(FOLDER.glob("zy-*")):
        found = NAME.match(path.name)
        if found and not _lives(int(found[1]), int(found[2])):
            with suppress(OSError):
                remove(path.name)
                removed.append(path.name)
    return removed


def _lives(pid: int, start_ticks: int) -> bool:
    found = proc.process(pid)
    return found is not None and found.state != "Z" and found.start_ticks == start_ticks
