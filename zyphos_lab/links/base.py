"""What every link offers to a trial."""

from __future__ import annotations

from typing import Protocol


class Link(Protocol):
    """Both calls raise LinkError with nothing left behind; `down` may be repeated."""

    def up(self) -> None: ...

    def down(self) -> None: ...
