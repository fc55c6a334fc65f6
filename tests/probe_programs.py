"""A small program for the probes' tests: waits for a line, does a known thing, answers a line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from zyphos_lab import proc
from zyphos_lab.probes.base import Columns, Pids, Probe, Skipped

# `exec`utes what stands on a line of its standard input and answers `done`, or what `answer` was
# set to.
SERVANT = """
import ctypes, mmap, os, subprocess, sys, threading, time
answer = "done"
print("ready", flush=True)
for line in sys.stdin:
    exec(line)
    print(answer, flush=True)
"""


BURN_50_MS = "t = time.process_time_ns() + 50_000_000\nwhile time.process_time_ns() < t: pass"
BURN = f"exec({BURN_50_MS!r})"


# A sanitizer's run preloads its runtime, whose allocator is not the C library's.
NOT_OURS = {"LD_PRELOAD", "PYTHONMALLOC"}


class Servant:
    """A Python process that does what it is told, and nothing between two orders."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        usual = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", SERVANT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**usual, **environment},
        )
        assert self._line() == "ready"

    @property
    def pid(self) -> int:
        return self.process.pid

    def asleep(self) -> None:
        """Waits until it sleeps for its next line: it allocates what it reads that into."""
        while (found := proc.process(self.process.pid)) is not None and found.state != "S":
            time.sleep(0.0005)

    def do(self, statement: str) -> str:
        """Runs one line of Python there; returns what it set `answer` to."""
        assert self.process.stdin is not None
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Closes its input, which ends it, and reaps it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


@contextmanager
def servant(environment: Mapping[str, str] | None = None) -> Iterator[Servant]:
    """With these variables besides the usual ones."""
    one = Servant(environment or {})
    try:
        yield one
    finally:
        one.end()


# A network namespace that lasts as long as the process, with its loopback up: SIOCSIFFLAGS (0x8914)
# with IFF_UP (1) on "lo", 40 bytes of struct ifreq.
OWN_NETWORK = (
    "import ctypes, fcntl, socket, struct; "
    "answer = ctypes.CDLL(None, use_errno=True).unshare(0x40000000) and ctypes.get_errno(); "
    "probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    "answer or fcntl.ioctl(probe, 0x8914, struct.pack('16sh22x', b'lo', 1)); probe.close()"
)


def own_network(one: Servant) -> None:
    """Moves a servant into a network namespace of its own; skips where that is refused."""
    refused = one.do(OWN_NETWORK)
    if refused != "0":
        pytest.skip(f"unshare(CLONE_NEWNET): {os.strerror(int(refused))}")


def around(
    probe: Probe[Any], pids: Pids, *statements: tuple[Servant, str], requests: int = 10
) -> tuple[Columns, Skipped]:
    """The probe's columns of a window in which the servants do their statements."""
    probe.attach(pids, 0)
    before = probe.snapshot()
    for one, statement in statements:
        one.do(statement)
    return probe.columns(before, probe.snapshot(), requests)
