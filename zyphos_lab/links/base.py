"""What every link offers to a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from zyphos_lab.errors import LinkError

Columns = dict[str, Any]
Skipped = dict[str, str]

ROLES = ("client", "server")


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the two sides run: paths of network namespaces (None: the runner's own).

    `server_address` is what servers bind and loads connect to; None leaves the target's own.
    `client_address` is that of the client's interface. `nat` is the router that translates
    addresses, where one does. Where it hides the server, loads connect to `front_address`, and the
    server has to bind `port`.
    """

    server: str | None = None
    client: str | None = None
    server_address: str | None = None
    client_address: str | None = None
    nat: str | None = None
    front_address: str | None = None
    port: int = 0


HERE = Ends()


class LinkMissingError(LinkError):
    """This machine cannot make such a link: no other trial could do better."""

    code = "link_missing"


class Link(Protocol):
    """`up` and `down` raise LinkError with nothing left behind; `down` may be repeated."""

    def up(self) -> Ends: ...

    def pids(self) -> list[int]:
        """The emulator's processes."""

    def check(self) -> None:
        """Raises LinkError when the link is no longer there."""

    def snapshot(self) -> Any:
        """What it counts, as it is now: at the window's edges."""

    def columns(self, before: Any, after: Any) -> tuple[Columns, Skipped]:
        """What it was set to, and what it did between two snapshots."""

    def histograms(self, before: Any, after: Any) -> dict[str, str]:
        """Distributions between two snapshots, as probes.base has them."""

    def down(self) -> None: ...


def between(before: Mapping[str, int], after: Mapping[str, int], prefix: str) -> Columns:
    """Differences of counters by name."""
    return {f"{prefix}{name}": after[name] - before[name] for name in after if name in before}
