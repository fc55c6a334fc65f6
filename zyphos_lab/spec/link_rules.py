"""What the parts of a link must agree on, with each other and with the target. See rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.link_models import DIRECTIONS, Link, Loss, Shaping
from zyphos_lab.spec.shape import keys_of
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import AttachTarget

Found = Iterator[Complaint]

SHAPING = tuple(keys_of(Shaping))
EMULATOR = ("cpus", "poll", "tx_queue")
OWN = ("family", "mtu", "offloads", "hops", "routers", "nat", *EMULATOR, "sysctl", *DIRECTIONS)
# Who manages the queue to its own keys.
AQM_KEYS = {
    "codel": ("codel_target", "codel_interval"),
    "pie": ("pie_target", "pie_period", "pie_burst"),
    "red": ("red_min", "red_max", "red_probability", "red_weight"),
}
AQM = ("aqm", *(key for keys in AQM_KEYS.values() for key in keys), "ecn")
# Kind of link to the keys of Link that it has no use for, and why.
UNUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "loopback": ((*SHAPING, *OWN), "the machine's own is left as it is"),
    "veth": ((*SHAPING, *EMULATOR, *DIRECTIONS), "it shapes nothing"),
    "netem": (
        ("keep_order", "path_mtu", *EMULATOR, "trace", *AQM),
        "the kernel's own emulator is not asked for it here",
    ),
    "tun": (("offloads",), "a TUN interface has none: packets are what the protocol sent"),
}
HINTS = {
    "loopback": "`kind: veth` has namespaces of its own, `kind: tun` shapes as well",
    "veth": "`kind: tun`, or `kind: netem` where the kernel has it",
    "netem": "`kind: tun`",
    "tun": "",
}
LOSS_KEYS = {
    "random": ("share",),
    "gilbert-elliott": ("p", "r", "good", "bad"),
    "index": ("indices",),
}
RED_MIN, RED_MAX = 5, 15  # as cpp/link/options.h
IPV6_MTU_MIN = 1280  # RFC 8200, 5
PLACES: tuple[Path, ...] = (("link",), *(("link", name) for name in DIRECTIONS))


def kind(cell: Cell, source: Source) -> Found:
    """Keys that this kind of link has no use for."""
    unused, why = UNUSED[cell.link.kind]
    for place in PLACES if cell.link.kind in ("netem", "tun") else PLACES[:1]:
        for key in unused:
            given = source.at((*place, key))
            if given not in (None, {}, [], False) or (key == "nat" and given is not None):
                message = f"`{key}` is not for a link of kind {cell.link.kind}: {why}"
                yield source.key_mark((*place, key)).complaint(message, HINTS[cell.link.kind])


def target(cell: Cell, source: Source) -> Found:
    """What cannot be in a namespace, and whose address the link gives."""
    if cell.link.kind == "loopback":
        return
    owner: Path = ("targets", cell.target_name)
    if isinstance(cell.target, AttachTarget):
        message = "a server that already runs cannot be put behind a link of its own"
        yield source.key_mark((*owner, "attach")).complaint(message, "`link: {kind: loopback}`")
    elif source.at((*owner, "address")) is not None:
        message = f"with a link of kind {cell.link.kind} the server's address is the link's"
        yield source.key_mark((*owner, "address")).complaint(message, "leave it out")


def shaping(cell: Cell, source: Source) -> Found:
    """What a law needs, and what it has no use for, wherever it stands."""
    if cell.link.kind not in ("netem", "tun"):
        return
    for place in PLACES:
        own = cell.link if len(place) == 1 else getattr(cell.link, str(place[1]))
        assert isinstance(own, Shaping)
        if own.loss is not None:
            yield from _loss(own.loss, (*place, "loss"), source, cell.link.kind)
    yield from _pairs(cell.link, source)


def _loss(loss: Loss, path: Path, source: Source, kind: str) -> Found:
    given = source.at(path)
    for key in given if isinstance(given, dict) else ():
        law = next((law for law, keys in LOSS_KEYS.items() if key in keys), loss.law)
        if law != loss.law:
            message = f"`{key}` is for law {law}, this is {loss.law}"
            yield source.key_mark((*path, key)).complaint(message)
    yield from _lacking(loss, path, source, kind)


def _lacking(loss: Loss, path: Path, source: Source, kind: str) -> Found:
    """What the law needs."""
    if loss.law == "gilbert-elliott" and (loss.p is None or loss.r is None):
        hint = "from the good state to the bad one and back, such as `p: 1%, r: 30%`"
        yield source.owner_mark(path).complaint("law gilbert-elliott needs `p` and `r`", hint)
    if loss.law == "index" and not loss.indices:
        hint = "of the packets that are lost, such as `indices: [3, 7]`"
        yield source.owner_mark(path).complaint("law index needs `indices`", hint)
    if loss.law == "index" and kind == "netem":
        yield source.owner_mark(path).complaint("netem loses no packet by its index", "`kind: tun`")


def _pairs(link: Link, source: Source) -> Found:
    """Keys that mean nothing without another one, in a direction as it will be."""
    for direction in DIRECTIONS:
        held = link.shaping(direction)
        for key, given, other, there in (
            ("jitter_law", held.jitter_law, "jitter", held.jitter_ns),
            ("keep_order", held.keep_order, "jitter", held.jitter_ns),
            ("jitter", held.jitter_ns, "delay", held.delay_ns),
            ("reorder", held.reorder, "delay", held.delay_ns),
            ("queue", held.queue_packets, "rate", held.paced),
            ("queue_bytes", held.queue_bytes, "rate", held.paced),
            ("aqm", held.aqm not in (None, "none"), "rate", held.paced),
        ):
            if given and not there:
                message = f"`{key}` means nothing without `{other}` ({direction})"
                yield source.key_mark(_where(source, direction, key)).complaint(message)
        yield from _management(held, direction, source)
        if held.trace and held.rate_bits_per_second:
            message = f"`trace` is a rate that changes: it takes the place of `rate` ({direction})"
            yield source.key_mark(_where(source, direction, "trace")).complaint(message)
        if (held.jitter_ns or 0) > (held.delay_ns or 0) > 0:
            message = f"`jitter` is more than `delay` ({direction}): a packet cannot come early"
            yield source.mark(_where(source, direction, "jitter")).complaint(message)


def _management(held: Shaping, direction: str, source: Source) -> Found:
    """Keys of who manages the queue."""
    for aqm, keys in AQM_KEYS.items():
        for key in keys:
            path = _where(source, direction, key)
            if held.aqm != aqm and source.at(path) is not None:
                message = f"`{key}` means nothing without `aqm: {aqm}` ({direction})"
                yield source.key_mark(path).complaint(message)
    least, most = held.red_min_packets or RED_MIN, held.red_max_packets or RED_MAX
    if held.aqm == "red" and least >= most:
        key = "red_max" if held.red_max_packets is not None else "red_min"
        message = f"`red_min` is {least}, `red_max` {most} ({direction}): it has to be more"
        yield source.mark(_where(source, direction, key)).complaint(message)


def _where(source: Source, direction: str, key: str) -> Path:
    own: Path = ("link", direction, key)
    return own if source.at(own) is not None else ("link", key)


def routers(cell: Cell, source: Source) -> Found:
    """What routers are asked for needs as many of them."""
    link = cell.link
    if link.kind == "loopback":
        return
    if link.nat is not None and link.hops == 0:
        yield source.mark(("link", "hops")).complaint("`nat` is done by a router", "`hops: 1`")
    asked = source.at(("link", "routers")) or {}
    if link.routers.mtu_bytes is not None and link.router_count < 2:
        message = "`routers.mtu` is that of the wires between routers"
        yield source.key_mark(("link", "routers", "mtu")).complaint(message, "`hops: 2`")
    elif asked and not link.router_count:
        yield source.key_mark(("link", "routers")).complaint("there are no routers", "`hops: 2`")


def family(cell: Cell, source: Source) -> Found:
    """What an IPv6 link cannot be."""
    if cell.link.family != "ipv6" or cell.link.kind == "loopback":
        return
    asked: tuple[tuple[Path, int | None], ...] = (
        (("link", "mtu"), cell.link.mtu_bytes),
        (("link", "routers", "mtu"), cell.link.routers.mtu_bytes),
    )
    for path, mtu in asked:
        if mtu is not None and mtu < IPV6_MTU_MIN:
            message = f"an IPv6 link has an MTU of {IPV6_MTU_MIN} or more, not {mtu}"
            yield source.mark(path).complaint(message, "`path_mtu` drops what is larger unsaid")


def forwards(cell: Cell, source: Source) -> Found:
    """A port leads to one place."""
    seen: set[int] = set()
    for index, one in enumerate(cell.link.nat.forward if cell.link.nat else ()):
        if one.port in seen:
            path: Path = ("link", "nat", "forward", index, "port")
            yield source.mark(path).complaint(f"port {one.port} is forwarded twice")
        seen.add(one.port)


def hidden(cell: Cell, source: Source) -> Found:
    """A server behind a NAT is reached by a port that is the same on both sides: the probes of
    both look for it.
    """
    nat, link = cell.link.nat, cell.link
    if nat is None or nat.hides == "client" or link.kind == "loopback":
        return
    mark = source.mark(("link", "nat", "hides"))
    if not nat.forward:
        yield mark.complaint("nobody reaches a hidden server", "`forward: [{port: 8080}]`")
        return
    first = nat.forward[0]
    if first.to not in (None, first.port):
        path: Path = ("link", "nat", "forward", 0, "to")
        message = "the port of a hidden server is the same on both sides"
        yield source.mark(path).complaint(message, "leave `to` out")
    bound = getattr(cell.target, "port", "auto")
    if bound not in ("auto", first.port):
        message = f"the target binds port {bound}, and {first.port} is forwarded"
        yield source.mark(("targets", cell.target_name, "port")).complaint(message)
    if cell.load.fetch is not None:
        message = "a fetch asks a name server at the server's end, to which no port is forwarded"
        yield source.key_mark(("load", "fetch")).complaint(message, "`hides: client`")


RULES = (kind, target, shaping, routers, family, forwards, hidden)
