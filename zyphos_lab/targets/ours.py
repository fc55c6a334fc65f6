"""Our own engines: zyphos-serve in a process of its own, with a board."""

from __future__ import annotations

from zyphos_lab.board import Board
from zyphos_lab.child import Child
from zyphos_lab.targets.base import Target
from zyphos_lab.targets.listening import ListeningTarget, RunningProgram


class Ours(ListeningTarget):
    """`words` are zyphos-serve's."""

    def start(self) -> RunningServe:
        board = Board()
        try:
            child = self._launched("zyphos-serve", [f"board_fd={board.fd}"], pass_fds=[board.fd])
        except BaseException:
            board.close()
            raise
        return RunningServe(self, child, board).until_ready()


class RunningServe(RunningProgram):
    """A server with its board."""

    def __init__(self, target: Target, child: Child, board: Board) -> None:
        super().__init__(target, child)
        self._board: Board | None = board

    def board(self) -> dict[str, int] | str:
        return "the server has ended" if self._board is None else self._board.reading("server")

    def stop(self) -> bool:
        killed = super().stop()
        if self._board is not None:
            self._board.close()
            self._board = None
        return killed
