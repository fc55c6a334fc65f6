"""What our own servers share: a program that says where it listens, in a process of its own.

It does not know what they serve.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any, Self

from zyphos_lab.child import Child, Children, Command, line_of
from zyphos_lab.errors import MeasurementError
from zyphos_lab.native import program
from zyphos_lab.targets.base import STOP_GRACE_S, Target

LISTENING = "listening "


class ListeningTarget(Target):
    """`words` are the program's `key=value` options with port=0: a free one."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        cpus: Sequence[int],
        children: Children,
        namespace: str | None = None,
    ) -> None:
        super().__init__(name, namespace)
        self._words = words
        self._cpus = cpus
        self._children = children

    def _launched(self, name: str, own: Sequence[str], **pipes: Any) -> Child:
        """The program with its words and `own`; `pipes` as child.Command has them."""
        argv = [program(name), *self._words, *own, "parent_death=true"]
        try:
            command = Command(argv, self._cpus, pipe_stdout=True, namespace=self.namespace, **pipes)
            return Child(command, self._children)
        except MeasurementError as error:
            raise self.error(error.message) from error


class RunningProgram:
    """See targets.base.Running."""

    def __init__(self, target: Target, child: Child) -> None:
        self.address = ""
        self.port = 0
        self.may_end = False
        self._target = target
        self._child = child

    def until_ready(self) -> Self:
        """Itself, once it listens. TargetError, and it is ended, where it does not."""
        try:
            self.address, self.port = self._listening_at()
        except BaseException:
            self.stop()
            raise
        return self

    def _listening_at(self) -> tuple[str, int]:
        """Of the `listening ADDRESS:PORT` that a program of ours prints first."""
        line = line_of(self._child.stdout).decode("ascii", "replace")
        if not line.startswith(LISTENING) or not line.endswith("\n"):
            self._child.wait(1.0)
            name, last = self._child.name, self._child.last_words()
            raise self._target.error(f"{name} did not start; {last}")
        place, _, port = line.removeprefix(LISTENING).strip().rpartition(":")
        return place.strip("[]"), int(port)

    def pids(self) -> list[int]:
        return self._child.pids()

    def check(self, wait_s: float = 0.0) -> None:
        if not self.may_end and self._child.wait(wait_s) is not None:
            raise self._target.error(f"died during the trial; {self._child.last_words()}")

    def stop(self) -> bool:
        return self._child.stop(signal.SIGTERM, STOP_GRACE_S)
