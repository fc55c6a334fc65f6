"""A server that already runs: measured, never started, pinned or stopped."""

from __future__ import annotations

from zyphos_lab import proc
from zyphos_lab.targets.base import Target, can_connect

CONNECT_TIMEOUT_S = 2.0
NO_BOARD = "only our own servers have a board"


class AttachTarget(Target):
    """`pid` is the root of the process tree that counts as the server."""

    def __init__(self, name: str, address: str, port: int, pid: int) -> None:
        super().__init__(name)
        self._address, self._port, self._pid = address, port, pid

    def start(self) -> RunningAttached:
        found = proc.process(self._pid)
        if found is None:
            raise self.error(f"there is no process {self._pid}")
        if not can_connect(self._address, self._port, CONNECT_TIMEOUT_S):
            raise self.error(f"nothing accepts connections on {self._address}:{self._port}")
        return RunningAttached(self, self._address, self._port, found)


class RunningAttached:
    """See targets.base.Running."""

    def __init__(self, target: Target, address: str, port: int, root: proc.Process) -> None:
        self.address = address
        self.port = port
        self.may_end = False  # it is not ours to end
        self._target = target
        self._root = root

    def pids(self) -> list[int]:
        return proc.tree([self._root.pid])

    def board(self) -> dict[str, int] | str:
        return NO_BOARD

    def check(self, wait_s: float = 0.0) -> None:
        found = proc.process(self._root.pid)
        if found is None or found.state == "Z" or found.start_ticks != self._root.start_ticks:
            raise self._target.error(f"process {self._root.pid} ended during the trial")

    def stop(self) -> bool:
        return False
