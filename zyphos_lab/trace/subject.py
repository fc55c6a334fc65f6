"""Whom a trace watches: a pid, the process that listens on a port, or a command that it starts.

A process is told from a later one of the same number by its pidfd. Linux only. Knows no probes.
"""

from __future__ import annotations

import os
import pwd
import re
import select
import shutil
import signal
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zyphos_lab import proc
from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import TargetError, UsageError
from zyphos_lab.probes import processes

STOP_GRACE_S = 2.0
LISTEN = b"0A"  # TCP_LISTEN, include/net/tcp_states.h
UNCONNECTED = b"07"  # what a bound datagram socket is, likewise
TABLES = {"tcp": LISTEN, "tcp6": LISTEN, "udp": UNCONNECTED, "udp6": UNCONNECTED}
# Stops until the probes are on it, then becomes the command, so that its first call is counted.
HELD = 'kill -STOP $$; exec "$@"'


@dataclass(slots=True)
class Subject:
    """The root of the traced tree. `child` is None for a process that we did not start."""

    pid: int
    port: int
    name: str
    pidfd: int
    child: Child | None = None

    def wait(self, until_ns: int) -> bool:
        """Sleeps until then (CLOCK_MONOTONIC), or its end; whether it still lives."""
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        return not poller.poll(max(0, until_ns - monotonic_ns()) / 1e6)

    def release(self) -> None:
        """A command that we started begins to run."""
        if self.child is not None:
            self.child.signal(signal.SIGCONT)

    def found_port(self) -> int:
        """`port`, or the lowest that its tree listens on by now; 0 where it does on none."""
        if not self.port:
            self.port = min(_ports(self.pid), default=0)
        return self.port

    def failure(self) -> str:
        """What speaks against a command of ours that has ended by itself, "" where nothing."""
        if self.child is None or self.child.poll() in (0, None):
            return ""
        return self.child.last_words()


@contextmanager
def of_pid(pid: int, port: int = 0) -> Iterator[Subject]:
    """Raises UsageError where there is no such process."""
    try:
        pidfd = os.pidfd_open(pid)
    except (OSError, ValueError):
        raise UsageError(f"there is no process {pid}") from None
    try:
        found = Subject(pid, port, _name(pid), pidfd)
        found.found_port()
        yield found
    finally:
        os.close(pidfd)


@contextmanager
def of_port(port: int) -> Iterator[Subject]:
    """The outermost process that listens there: a server's master, not one of its workers."""
    inodes = _listening("/proc/net", port)
    if not inodes:
        raise UsageError(f"nothing listens on port {port}", "`ss -ltn` lists what does")
    holders = {one.pid: one for one in proc.everyone() if _sockets(one.pid) & inodes}
    if not holders:
        raise UsageError(f"the process that listens on port {port} is not to be seen",
                         "it is another user's, or in another namespace: try as root")  # fmt: skip
    roots = [pid for pid, one in holders.items() if one.parent not in holders]
    with of_pid(min(roots), port) as subject:
        yield subject


@contextmanager
def of_command(argv: Sequence[str], port: int = 0) -> Iterator[Subject]:
    """The command, which waits for `release`; it is ended on leaving. TargetError where it cannot
    be started.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise TargetError(f"cannot be started: no such program: {argv[0]}")
    with tempfile.TemporaryDirectory(prefix="zyphos-") as folder:
        command = Command(["/bin/sh", "-c", HELD, "sh", program, *argv[1:]], cwd=Path.cwd())
        child = Child(command, Children(Path(folder)))
        try:
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            yield Subject(child.pid, port, Path(argv[0]).name, child.pidfd, child)
        finally:
            child.signal(signal.SIGCONT)
            child.stop(signal.SIGTERM, STOP_GRACE_S)


def owner(pid: int) -> str | None:
    """Name of the other user whose process it is; None where it is ours, or we are root."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None
    if os.geteuid() in (0, uid):
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _name(pid: int) -> str:
    return (processes.read(f"/proc/{pid}/comm") or b"?").decode("utf-8", "replace").strip()


def _ports(pid: int) -> set[int]:
    """Ports that the tree of `pid` listens on, as far as we may look into it."""
    held: set[int] = set()
    for one in processes.tree([pid]):
        held |= _sockets(one)
    return {port for port, inode in _bound(f"/proc/{pid}/net", ("tcp", "tcp6")) if inode in held}


def _listening(folder: str, port: int) -> set[int]:
    return {inode for there, inode in _bound(folder, tuple(TABLES)) if there == port}


def _bound(folder: str, tables: Collection[str]) -> Iterator[tuple[int, int]]:
    """(port, inode) of every socket that takes what comes; proc(5), /proc/net/tcp."""
    for table in tables:
        for line in (processes.read(f"{folder}/{table}") or b"").splitlines()[1:]:
            fields = line.split()
            if fields[3] == TABLES[table]:
                yield int(fields[1].rpartition(b":")[2], 16), int(fields[9])


def _sockets(pid: int) -> set[int]:
    """Inodes of the sockets that a process has open; none where we may not look."""
    found = set()
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{name}")
            if match := re.fullmatch(r"socket:\[(\d+)\]", link):
                found.add(int(match[1]))
    except OSError:
        pass  # it is gone, or another user's
    return found
