"""The board of a server, a load or a link: shared memory, read at the edges of the window."""

from __future__ import annotations

import mmap
import os
from typing import Any

from zyphos_lab.probes.native import core


class Board:
    """A memfd that a child inherits as `board_fd`. Reading never stops the writer."""

    def __init__(self, size: int = 0) -> None:
        size = size or core().board_bytes()
        # Without close-on-exec only in the child that is given it (pass_fds).
        self.fd = os.memfd_create("zyphos-board", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self._memory = mmap.mmap(self.fd, size)

    def reading(self, owner: str) -> dict[str, int] | str:
        """Totals by counter name; a text when no program of this build wrote to it."""
        try:
            return dict(core().board_snapshot(self._memory))
        except ValueError as error:
            return f"the {owner}'s board cannot be read: {error}"

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)


class LinkBoard(Board):
    """That of zyphos-link, which counts other things."""

    def __init__(self) -> None:
        super().__init__(core().link_board_bytes())

    def totals(self) -> tuple[dict[str, int], dict[str, Any]] | None:
        """Counters, and a histogram of lateness for each direction, since its start; None when no
        program of this build wrote to it.
        """
        try:
            counters, late_ns = core().link_board_snapshot(self._memory)
        except ValueError:
            return None
        return dict(counters), dict(late_ns)
