"""A small program for the probes' tests: waits for a line, does a known thing, answers a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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


class Servant:
    """A Python process that does what it is told, and nothing between two orders."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", SERVANT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    @property
    def pid(self) -> int:
        return self.process.pid

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
def servant() -> Iterator[Servant]:
    one = Servant()
    try:
        yield one
    finally:
        one.end()
