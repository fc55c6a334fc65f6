"""The loopback interface as it is: nothing to put up."""

from __future__ import annotations

from zyphos_lab.links.base import Columns, Ends, Skipped


class Loopback:
    """See links.base.Link."""

    def up(self) -> Ends:
        return Ends()

    def pids(self) -> list[int]:
        return []

    def check(self) -> None:
        return

    def snapshot(self) -> None:
        return

    def columns(self, before: None, after: None) -> tuple[Columns, Skipped]:
        return {"link_kind": "loopback"}, {}

    def histograms(self, before: None, after: None) -> dict[str, str]:
        return {}

    def down(self) -> None:
        return
