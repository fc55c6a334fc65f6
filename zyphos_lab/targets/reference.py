"""The server of known truth, zyphos-reference: it does what it was told and says what it did.

Its truth is the kernel's: from the RX timestamp of a request to the TX timestamp of its answer.
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Mapping, Sequence
from typing import IO, Any

from zyphos_lab.child import Child, Children, Command
from zyphos_lab.errors import MeasurementError
from zyphos_lab.native import program
from zyphos_lab.targets.base import STOP_GRACE_S, Target
from zyphos_lab.targets.ours import listening_at

NO_BOARD = "the reference server has no board: counting would slow it down"
ANSWER_TIMEOUT_S = 10.0
ARRIVED_NS = 3_600_000_000_000


class ReferenceServer(Target):
    """`words` are zyphos-reference's `key=value` options with port=0: a free one."""

    def __init__(
        self, name: str, words: Sequence[str], cpus: Sequence[int], children: Children
    ) -> None:
        super().__init__(name)
        self._words = words
        self._cpus = cpus
        self._children = children

    def start(self) -> RunningReference:
        own = ["commands=true", "parent_death=true"]
        argv = [program("zyphos-reference"), *self._words, *own]
        command = Command(argv, self._cpus, pipe_stdin=True, pipe_stdout=True)
        try:
            child = Child(command, self._children)
        except MeasurementError as error:
            raise self.error(error.message) from error
        running = RunningReference(self, child)
        try:
            running.wait_until_ready()
        except BaseException:
            running.stop()
            raise
        return running


class RunningReference:
    """See targets.base.Running; besides it can be told to stall and asked for the truth."""

    def __init__(self, target: Target, child: Child) -> None:
        self.address = ""
        self.port = 0
        self._target = target
        self._child = child

    def wait_until_ready(self) -> None:
        self.address, self.port = listening_at(self._child, self._target)

    def pids(self) -> list[int]:
        return self._child.pids()

    def board(self) -> dict[str, int] | str:
        return NO_BOARD

    def check(self, wait_s: float = 0.0) -> None:
        if self._child.wait(wait_s) is not None:
            raise self._target.error(f"died during the trial; {self._child.last_words()}")

    def stall(self, start_ns: int, end_ns: int) -> None:
        """Nothing is answered between these CLOCK_MONOTONIC times."""
        self._order(f"stall {start_ns} {end_ns}")

    def truth(self, start_ns: int, end_ns: int) -> dict[str, Any]:
        """What became of the requests that came between these CLOCK_MONOTONIC times.

        Counts by name, and `histograms` (base64 of HdrHistogram V2): `delay_ns` from the kernel's
        RX to its TX timestamp, `asked_ns` as the law drew it.
        """
        self._order(f"truth {start_ns} {end_ns}")
        try:
            found = json.loads(_line(self._child.stdout))
        except ValueError:
            self.check(1.0)
            raise self._target.error("zyphos-reference did not say its truth") from None
        assert isinstance(found, dict)
        return found

    def _order(self, line: str) -> None:
        try:
            os.write(self._child.stdin.fileno(), f"{line}\n".encode("ascii"))
        except OSError:
            self.check(1.0)
            raise self._target.error("zyphos-reference takes no commands any more") from None

    def stop(self) -> bool:
        return self._child.stop(signal.SIGTERM, STOP_GRACE_S)


def truth_of(running: object, window: Mapping[str, int]) -> dict[str, Any] | None:
    """The truth about what the load scheduled from the window's start on; None of other targets.

    The load schedules nothing after the window's end, but the last may arrive a little later.
    """
    if not isinstance(running, RunningReference):
        return None
    return running.truth(window["start_ns"], window["end_ns"] + ARRIVED_NS)


def _line(stream: IO[bytes]) -> bytes:
    """The next line of `stream`; what there is of it at its end, or when none comes in time."""
    poller = select.poll()
    poller.register(stream, select.POLLIN | select.POLLHUP)
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(stream.fileno(), 1 << 16) if poller.poll(ANSWER_TIMEOUT_S * 1000) else b""
        if not part:
            break
        line += part
    return line
