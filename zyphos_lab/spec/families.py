"""Which versions of IP a target listens on and its load connects by. Pure functions.

A target's `family` is what it binds, `dual` one socket for both; a link of its own has one family,
which is then the load's. Where a file says nothing, the address says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell, ServerTarget
from zyphos_lab.spec.link_models import Link
from zyphos_lab.spec.models import Load
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import (
    LOOPBACK,
    AttachTarget,
    CodeTarget,
    Family,
    Listens,
)

Found = Iterator[Complaint]

HERE = "loopback"
LOOPBACKS: dict[Family, str] = {"ipv4": LOOPBACK, "ipv6": "::1"}
ANY = {"0.0.0.0": LOOPBACK, "::": "::1"}  # what is bound, and where that is reached from here
USUAL: dict[Listens, str] = {"ipv4": LOOPBACK, "ipv6": "::1", "dual": "::"}


def family_of(address: str) -> Family:
    return "ipv6" if ":" in address else "ipv4"


def bound(address: str, family: Listens | None) -> str:
    """What a server of ours binds: `address`, unless that is the default of another family."""
    return USUAL[family] if family is not None and address == LOOPBACK else address


def listens(target: ServerTarget, link: Link) -> Listens:
    """What the target listens on, as far as the file says it."""
    asked: Listens | None = getattr(target, "family", None)
    if asked is not None:
        return asked
    if link.kind != HERE:
        return link.family
    address = target.attach.address if isinstance(target, AttachTarget) else target.address
    return "dual" if address == "::" else family_of(address)


def connects(load: Load, target: ServerTarget, link: Link) -> Family:
    """What the load connects by."""
    if link.kind != HERE:
        return link.family
    if load.family is not None:
        return load.family
    return "ipv4" if listens(target, link) == "ipv4" else "ipv6"


def reached(address: str, family: Family | None, over_link: str | None) -> str:
    """Where a load connects to: `address` is what the server bound, `over_link` the address that a
    link of its own gave it.
    """
    if address not in ANY:
        return address
    return over_link or (ANY[address] if family is None else LOOPBACKS[family])


def target(cell: Cell, source: Source) -> Found:
    """A target's family against its address and the link's."""
    if isinstance(cell.target, CodeTarget):
        return
    asked: Listens | None = getattr(cell.target, "family", None)
    owner: Path = ("targets", cell.target_name)
    if asked is None:
        return
    mark = source.mark((*owner, "family"))
    if cell.link.kind != HERE:
        if asked not in ("dual", cell.link.family):
            message = f"the target listens on {asked}, the link is `family: {cell.link.family}`"
            yield mark.complaint(message, "`family: dual`, or leave it out")
        return
    address: Any = source.at((*owner, "address"))
    if address is None:
        return
    if (family_of(address) == "ipv4") != (asked == "ipv4"):
        yield mark.complaint(f"`address: {address}` is not of `family: {asked}`")
    elif asked == "dual" and address != "::":
        yield mark.complaint(f"a socket for both families binds `::`, not {address}")


def load(cell: Cell, source: Source) -> Found:
    """A load's family against the link's, and against what the target listens on."""
    if cell.load.family is None or isinstance(cell.target, CodeTarget):
        return
    mark = source.mark(("load", "family"))
    if cell.link.kind != HERE:
        if cell.load.family != cell.link.family:
            message = f"the load connects by {cell.load.family}"
            yield mark.complaint(f"{message}, the link is `family: {cell.link.family}`")
        return
    served = listens(cell.target, cell.link)
    if served not in ("dual", cell.load.family):
        message = f"the load connects by {cell.load.family}, the target `{cell.target_name}`"
        yield mark.complaint(f"{message} listens on {served}", "the target's `family: dual`")


RULES = (target, load)
