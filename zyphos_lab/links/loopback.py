"""The loopback interface as it is: nothing to put up."""

from __future__ import annotations


class Loopback:
    """See links.base.Link."""

    def up(self) -> None:
        return

    def down(self) -> None:
        return
