"""Our own engines: zyphos-serve in a process of its own, with a board."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence

from zyphos_lab.board import Board
from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import MeasurementError
from zyphos_lab.native import program
from zyphos_lab.targets.base import STOP_GRACE_S, Target

LISTENING = "listening "
READY_TIMEOUT_S = 10.0


class Ours(Target):
    """`words` are zyphos-serve's `key=value` options with port=0: a free one."""

    def __init__(
        self, name: str, words: Sequence[str], cpus: Sequence[int], children: Children
    ) -> None:
        super().__init__(name)
        self._words = words
        self._cpus = cpus
        self._children = children

    def start(self) -> RunningServe:
        board = Board()
        words = [*self._words, f"board_fd={board.fd}", "parent_death=true"]
        argv = [program("zyphos-serve"), *words]
        command = Command(argv, self._cpus, pass_fds=[board.fd], pipe_stdout=True)
        try:
            child = Child(command, self._children)
        except MeasurementError as error:
            board.close()
            raise self.error(error.message) from error
        running = RunningServe(self, child, board)
        try:
            running.wait_until_ready()
        except BaseException:
            running.stop()
            raise
        return running


class RunningServe:
    """See targets.base.Running."""

    def __init__(self, target: Ours, child: Child, board: Board) -> None:
        self.address = ""
        self.port = 0
        self._target = target
        self._child = child
        self._board: Board | None = board

    def wait_until_ready(self) -> None:
        self.address, self.port = listening_at(self._child, self._target)

    def pids(self) -> list[int]:
        return self._child.pids()

    def board(self) -> dict[str, int] | str:
        return "the server has ended" if self._board is None else self._board.reading("server")

    def check(self, wait_s: float = 0.0) -> None:
        if self._child.wait(wait_s) is not None:
            raise self._target.error(f"died during the trial; {self._child.last_words()}")

    def stop(self) -> bool:
        killed = self._child.stop(signal.SIGTERM, STOP_GRACE_S)
        if self._board is not None:
            self._board.close()
            self._board = None
        return killed


def listening_at(child: Child, target: Target) -> tuple[str, int]:
    """Address and port of the `listening ADDRESS:PORT` that a program of ours prints first."""
    line = _first_line(child)
    if not line.startswith(LISTENING):
        child.wait(1.0)
        raise target.error(f"{child.name} did not start; {child.last_words()}")
    place, _, port = line.removeprefix(LISTENING).strip().rpartition(":")
    return place.strip("[]"), int(port)


def _first_line(child: Child) -> str:
    """Its first line of output; '' when it ended or stayed silent."""
    fd = child.stdout.fileno()
    poller = select.poll()
    poller.register(fd, select.POLLIN | select.POLLHUP)
    line = b""
    while not line.endswith(b"\n"):
        if not poller.poll(READY_TIMEOUT_S * 1000):
            return ""
        part = os.read(fd, 256)
        if not part:
            return ""
        line += part
    return line.decode("ascii", "replace")
