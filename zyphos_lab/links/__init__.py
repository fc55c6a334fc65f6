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
from zyphos_lab.links.ability import missing
from zyphos_lab.links.base import Ends, Link, LinkMissingError
from zyphos_lab.links.loopback import Loopback
from zyphos_lab.links.namespaced import kinds_beside
from zyphos_lab.links.netem import Netem, kernel_needs
from zyphos_lab.links.probe import LinkProbe
from zyphos_lab.links.tun import Tun
from zyphos_lab.links.veth import Veth
from zyphos_lab.spec.link_models import Link as LinkSpec

__all__ = ["Ends", "Link", "LinkMissingError", "LinkProbe", "Setting", "make", "missing", "notes"]


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


def notes(specs: Iterable[LinkSpec]) -> Iterator[tuple[str, str]]:
    """(code, message) for each kind that this machine cannot make: said before the run."""
    wanted = [kind for spec in specs for kind in (kernel_needs(spec), *kinds_beside(spec))]
    for kind in dict.fromkeys(wanted):
        reason, hint = missing(kind)
        if reason:
            yield "link_missing", f"link {kind}: {reason} ({hint}): its cells are skipped"
