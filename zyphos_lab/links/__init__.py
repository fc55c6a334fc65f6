"""What lies between client and server. Put up before the target, taken down after it.

    link = links.make(cell.link, links.Setting(children, seed))
    ends = link.up()          # where the two sides run, and the server's address
    ...
    link.down()

`missing(kind)` says why this machine cannot make a kind; docs/links.md is for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from zyphos_lab.child import Children
from zyphos_lab.links.ability import missing, no_ipv6_here
from zyphos_lab.links.base import Ends, Link, LinkMissingError
from zyphos_lab.links.loopback import Loopback
from zyphos_lab.links.namespaced import kinds_beside
from zyphos_lab.links.netem import Netem, kernel_needs
from zyphos_lab.links.probe import LinkProbe
from zyphos_lab.links.tun import Tun
from zyphos_lab.links.veth import Veth
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.families import connects, listens
from zyphos_lab.spec.link_models import Link as LinkSpec
from zyphos_lab.spec.target_models import CodeTarget

__all__ = [
    "Ends",
    "Link",
    "LinkMissingError",
    "LinkProbe",
    "Setting",
    "ipv6_notes",
    "ipv6_present",
    "make",
    "missing",
    "notes",
]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a link needs of its trial: who notes its processes, and the seed of its chances."""

    children: Children
    seed: int


KINDS: dict[str, Callable[[LinkSpec, Setting], Link]] = {
    "loopback": lambda spec, setting: Loopback(),
    "veth": lambda spec, setting: Veth(spec),
    "netem": lambda spec, setting: Netem(spec),
    "tun": lambda spec, setting: Tun(spec, setting.children, setting.seed),
}


def make(spec: LinkSpec, setting: Setting) -> Link:
    """The link as the experiment has it, not yet up."""
    return KINDS[spec.kind](spec, setting)


def ipv6_present(cell: Cell) -> None:
    """Raises LinkMissingError where the cell asks for IPv6 on a loopback that has none."""
    reason, hint = _lacks_ipv6(cell)
    if reason:
        raise LinkMissingError(f"loopback: {reason}", hint)


def _lacks_ipv6(cell: Cell) -> tuple[str, str]:
    if isinstance(cell.target, CodeTarget) or cell.link.kind != "loopback":
        return "", ""
    asked = listens(cell.target, cell.link), connects(cell.load, cell.target, cell.link)
    return ("", "") if asked == ("ipv4", "ipv4") else no_ipv6_here()


def ipv6_notes(cells: Iterable[Cell]) -> Iterator[tuple[str, str]]:
    """As `notes`, of the loopback's IPv6."""
    for reason, hint in dict.fromkeys(_lacks_ipv6(cell) for cell in cells):
        if reason:
            yield "link_missing", f"loopback: {reason} ({hint}): its cells are skipped"


def notes(specs: Iterable[LinkSpec]) -> Iterator[tuple[str, str]]:
    """(code, message) for each kind that this machine cannot make: said before the run."""
    wanted = [kind for spec in specs for kind in (kernel_needs(spec), *kinds_beside(spec))]
    for kind in dict.fromkeys(wanted):
        reason, hint = missing(kind)
        if reason:
            yield "link_missing", f"link {kind}: {reason} ({hint}): its cells are skipped"
