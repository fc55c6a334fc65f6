"""The server of known truth, zyphos-reference: it does what it was told and says what it did.

Its truth is the kernel's: from the RX timestamp of a request to the TX timestamp of its answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from zyphos_lab.child import line_of
from zyphos_lab.targets.listening import ListeningTarget, RunningProgram

NO_BOARD = "the reference server has no board: counting would slow it down"
ARRIVED_NS = 3_600_000_000_000


class ReferenceServer(ListeningTarget):
    """`words` are zyphos-reference's."""

    def start(self) -> RunningReference:
        child = self._launched("zyphos-reference", ["commands=true"], pipe_stdin=True)
        return RunningReference(self, child).until_ready()


class RunningReference(RunningProgram):
    """It can be told to stall, and asked for the truth."""

    def board(self) -> dict[str, int] | str:
        return NO_BOARD

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
            found = json.loads(line_of(self._child.stdout))
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


def truth_of(running: object, window: Mapping[str, int]) -> dict[str, Any] | None:
    """The truth about what the load scheduled from the window's start on; None of other targets.

    The load schedules nothing after the window's end, but the last may arrive a little later.
    """
    if not isinstance(running, RunningReference):
        return None
    return running.truth(window["start_ns"], window["end_ns"] + ARRIVED_NS)
