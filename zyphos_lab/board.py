"""The board of a server or a load: shared memory that it counts in, read at the window's edges."""

from __future__ import annotations

import mmap
import os

from zyphos_lab.probes.native import core


class Board:
    """A memfd that a child inherits as `board_fd`. Reading never stops the writer."""

    def __init__(self) -> None:
        size = core().board_bytes()
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
