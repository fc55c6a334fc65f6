"""Runs zyphos-load, the ruler, and reads what it says: connected, window, result; or zyphos-fetch,
which says it in the same words.

It does not know experiments or records: words go in, events come out. LoadError messages are one
line. Thread safety: a LoadRun is used by one thread.
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from zyphos_lab.board import Board
from zyphos_lab.child import Child, Children, Command, monotonic_ns
from zyphos_lab.errors import LoadError
from zyphos_lab.native import program

STOP_GRACE_S = 2.0
READ_BYTES = 1 << 16
WATCH_EVERY_NS = 200_000_000


class LoadRun:
    """One zyphos-load. `watch` is called several times a second and may raise (target died);
    messages begin with `title`.

    It keeps its threads and connections until `stop`, so that counters of theirs can be read after
    the window's end.
    """

    def __init__(
        self,
        words: Sequence[str],
        cpus: Sequence[int],
        children: Children,
        watch: Callable[[], None],
        namespace: str | None = None,
        tool: str = "zyphos-load",
        title: str = "load",
    ) -> None:
        self._tool = tool
        self._title = title
        self._board: Board | None = Board()
        own = [f"board_fd={self._board.fd}", "parent_death=true", "hold=true"]
        argv = [program(tool), *words, *own]
        command = Command(
            argv,
            cpus,
            pass_fds=[self._board.fd],
            pipe_stdin=True,
            pipe_stdout=True,
            namespace=namespace,
        )
        try:
            self._child = Child(command, children)
        except BaseException:
            self._close_board()
            raise
        self._watch = watch
        self._unread = b""
        self.fd = self._child.stdout.fileno()
        self._poller = poller([self])

    def pids(self) -> list[int]:
        return self._child.pids()

    def board(self) -> dict[str, int] | str:
        """The load's own counters now; a text is why there are none."""
        return "the load has ended" if self._board is None else self._board.reading("load")

    def wait_for(self, name: str, give_up_ns: int) -> dict[str, Any]:
        """The next event of this name. LoadError when it fails first, or at `give_up_ns`."""
        while True:
            event = self._parse(self._line(name, give_up_ns))
            if event["event"] == "error":
                message = str(event.get("message", "no message"))
                raise LoadError(f"{self._title}: {message}", errc=str(event.get("errc", "")))
            if event["event"] == name:
                return event

    def idle_until(self, at_ns: int) -> None:
        """Sleeps to an absolute CLOCK_MONOTONIC time, looking at load and target now and then."""
        idle_until([self], at_ns, self._watch)

    def read(self) -> bool:
        """Takes what it has said; whether that is a whole event. LoadError when it has ended."""
        part = os.read(self.fd, READ_BYTES)
        if part:
            self._unread += part
        elif b"\n" not in self._unread:
            # The pipe closes a moment before the process can be waited for.
            self._child.wait(STOP_GRACE_S)
            self._watch()
            last_words = self._child.last_words()
            raise LoadError(f"{self._title}: {self._tool} ended early; {last_words}")
        return b"\n" in self._unread

    def say(self, line: str) -> None:
        """Writes a line to its stdin. Nothing happens when it has gone: what is awaited says so."""
        with suppress(BrokenPipeError):
            self._child.stdin.write(f"{line}\n".encode())
            self._child.stdin.flush()

    def interrupt(self) -> None:
        """Asks it for what it has measured so far: its result follows."""
        self._child.signal(signal.SIGINT)

    def stop(self) -> bool:
        """Lets it go, or ends it if it is not done. Whether it had to be killed. Safe to repeat."""
        killed = self._child.stop(signal.SIGTERM, STOP_GRACE_S)
        self._close_board()
        return killed

    def _close_board(self) -> None:
        if self._board is not None:
            self._board.close()
            self._board = None

    def _line(self, awaited: str, give_up_ns: int) -> bytes:
        while b"\n" not in self._unread:
            left_ns = give_up_ns - monotonic_ns()
            if left_ns <= 0:
                last_words = self._child.last_words()
                raise LoadError(f"{self._title}: no `{awaited}` in time; {last_words}")
            if self._poller.poll(min(left_ns, WATCH_EVERY_NS) // 1_000_000 + 1):
                self.read()
            self._watch()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "event" not in event:
            text = line[:80].decode("utf-8", "replace")
            raise LoadError(f"{self._title}: {self._tool} printed what is no event: `{text}`")
        return event


def poller(runs: Sequence[LoadRun]) -> select.poll:
    """Ready when one of them has said something, or has ended."""
    found = select.poll()
    for run in runs:
        found.register(run.fd, select.POLLIN | select.POLLHUP)
    return found


def idle_until(runs: Sequence[LoadRun], at_ns: int, watch: Callable[[], None]) -> None:
    """LoadRun.idle_until, of several."""
    by_fd, waiting = {run.fd: run for run in runs}, poller(runs)
    while (left_ns := at_ns - monotonic_ns()) > 0:
        # A poll rounds up to milliseconds: the last stretch is left to a finer sleep.
        if left_ns < 3_000_000:
            select.select([], [], [], left_ns / 1e9)
        else:
            told = waiting.poll(min(left_ns - 2_000_000, WATCH_EVERY_NS) // 1_000_000)
            # The result, or an error, before its time.
            if any(by_fd[fd].read() for fd, _ in told):
                return
        watch()
