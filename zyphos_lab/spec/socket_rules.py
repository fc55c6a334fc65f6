"""What a cell may ask of its sockets: options of one side alone, what TCP Fast Open needs of the
namespaces that a link makes, where several source addresses are. Rules as in rules.py.

On loopback it is the machine's own setting that counts, which nobody touches: plan_notes.py reads
it.
"""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.families import connects
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import CodeTarget, EngineTarget

Found = Iterator[Complaint]

FAST_OPEN = "net.ipv4.tcp_fastopen"
CLIENTS, SERVERS = 1, 2  # bits of it
NEW_NAMESPACE = CLIENTS  # what a namespace begins with, whatever the machine's own is


def sides(cell: Cell, source: Source) -> Found:
    """Options that are for who listens, or for who connects."""
    owner: Path = ("load", "socket", "tcp_fastopen")
    if cell.load.socket.tcp_fastopen is not None:
        message = "`tcp_fastopen` is the length of a listening socket's queue"
        yield source.key_mark(owner).complaint(message, "`tcp_fastopen_connect: true` for a load")
    target = cell.target
    if isinstance(target, EngineTarget) and target.socket.tcp_fastopen_connect is not None:
        path: Path = ("targets", cell.target_name, "socket", "tcp_fastopen_connect")
        message = "`tcp_fastopen_connect` is for who connects"
        yield source.key_mark(path).complaint(message, "`tcp_fastopen: 256` for a server")


def needs(cell: Cell) -> Iterator[tuple[Path, str, int]]:
    """(key, side, bit of FAST_OPEN that it takes) of each side that asks for TCP Fast Open."""
    target = cell.target
    if isinstance(target, EngineTarget) and target.socket.tcp_fastopen is not None:
        yield ("targets", cell.target_name, "socket", "tcp_fastopen"), "server", SERVERS
    if cell.load.socket.tcp_fastopen_connect:
        yield ("load", "socket", "tcp_fastopen_connect"), "client", CLIENTS


def fast_open(cell: Cell, source: Source) -> Found:
    """A link's namespaces have to allow it."""
    if cell.link.kind == "loopback":
        return
    for path, role, bit in needs(cell):
        setting = int(cell.link.sysctl.of(role).get(FAST_OPEN, NEW_NAMESPACE))
        if not setting & bit:
            message = f"`{path[-1]}` needs bit {bit} of {FAST_OPEN}, which is {setting} there"
            yield source.mark(path).complaint(
                message, f"`link.sysctl: {{both: {{{FAST_OPEN}: 3}}}}`"
            )


def addresses(cell: Cell, source: Source) -> Found:
    """Only the loopback of IPv4 has more than one address for a client."""
    load = cell.load
    if load.addresses == 1 or isinstance(cell.target, CodeTarget):
        return
    mark = source.mark(("load", "addresses"))
    if cell.link.kind != "loopback":
        mark = source.key_mark(("load", "addresses"))
        yield mark.complaint(
            "`addresses` are those of the loopback, the link has one for each side"
        )
    elif connects(load, cell.target, cell.link) != "ipv4":
        yield mark.complaint("the loopback has one address of IPv6", "`family: ipv4`")
    if load.addresses > load.connections:
        message = f"{load.connections} connections cannot come from {load.addresses} addresses"
        yield mark.complaint(message)


RULES = (sides, fast_open, addresses)
