"""What a cell may ask of a disturbance. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.models import Disturbance, Repeat
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import AttachTarget
from zyphos_lab.units import format_duration

Found = Iterator[Complaint]


KINDS = ("stop", "kill", "link", "attack")  # exactly one of them says what is done
# Keys that belong to one kind, as the file and as the model has them.
OWN = (
    ("direction", "direction", "link"),
    ("rate", "rate_per_second", "attack"),
    ("sequence", "sequence", "attack"),
    ("filter", "filter", "attack"),
    ("connections", "connections", "attack"),
)
RATE_MAX, ATTACK_NS_MAX, CONNECTIONS_MAX = 200_000, 60_000_000_000, 10_000  # as cpp/attack/attack.h


def disturbances(cell: Cell, source: Source) -> Found:
    for index, one in enumerate(cell.disturb):
        yield from _kind(cell, one, ("disturb", index), source)
    yield from _times(cell, source)


def _kind(cell: Cell, one: Disturbance, path: Path, source: Source) -> Found:
    given = [name for name in KINDS if getattr(one, name) is not None]
    if len(given) != 1:
        message = f"a disturbance needs exactly one of {', '.join(KINDS)}; it has {len(given)}"
        yield source.mark(path).complaint(message)
        return
    for key, name, kind in OWN:
        if getattr(one, name) is not None and kind not in given:
            yield source.key_mark((*path, key)).complaint(f"`{key}` is only for `{kind}`")
    if one.link == "rebind":
        yield from _rebinding(cell, one, path, source)
    elif one.for_ns is None:
        hint = "how long it lasts, such as `for: 1s`"
        yield source.mark(path).complaint(f"`{given[0]}` needs `for`", hint)
    yield from _reach(cell, given[0], path, source)
    if one.attack is not None:
        yield from _attack(cell, one, path, source)


def _attack(cell: Cell, one: Disturbance, path: Path, source: Source) -> Found:
    """Bounded in rate and time, and without routers, who know no way back to forged sources."""
    if one.rate_per_second is None or not 0 < one.rate_per_second <= RATE_MAX:
        message = f"`attack` needs a `rate`, above 0 and at most {RATE_MAX}/s"
        yield source.key_mark((*path, "attack")).complaint(message)
    if (one.for_ns or 0) > ATTACK_NS_MAX:
        message = f"an attack lasts at most {format_duration(ATTACK_NS_MAX)}"
        yield source.mark((*path, "for")).complaint(message)
    if cell.link.router_count:
        message = "`attack` needs a link without routers: leave `hops` and `nat` out"
        yield source.key_mark((*path, "attack")).complaint(message)
    if cell.link.family == "ipv6":
        message = "`attack` forges IPv4 packets, the link is `family: ipv6`"
        yield source.key_mark((*path, "attack")).complaint(message, "`family: ipv4`")
    yield from _attack_keys(cell, one, path, source)
    yield from _slow_keys(one, path, source)


def _attack_keys(cell: Cell, one: Disturbance, path: Path, source: Source) -> Found:
    """Keys that belong to one attack."""
    for key, attack in (("sequence", "reset"), ("filter", "syn_flood")):
        if getattr(one, key) is not None and one.attack != attack:
            message = f"`{key}` is only for `attack: {attack}`"
            yield source.key_mark((*path, key)).complaint(message)
    if one.filter is not None and cell.link.kind == "tun":
        message = "`filter` reads Ethernet headers, which a TUN interface does not have"
        yield source.key_mark((*path, "filter")).complaint(message, "`link: {kind: veth}`")


def _slow_keys(one: Disturbance, path: Path, source: Source) -> Found:
    slow = one.attack is not None and one.attack.startswith("slow_")
    if slow and not 0 < (one.connections or 0) <= CONNECTIONS_MAX:
        message = f"`attack: {one.attack}` needs `connections`, at most {CONNECTIONS_MAX}"
        yield source.key_mark((*path, "attack")).complaint(message)
    if one.connections is not None and not slow:
        message = "`connections` is only for `attack: slow_head`, `slow_body` or `slow_read`"
        yield source.key_mark((*path, "connections")).complaint(message)


def _rebinding(cell: Cell, one: Disturbance, path: Path, source: Source) -> Found:
    for key in ("for", "direction"):
        if source.at((*path, key)) is not None:
            message = f"`{key}` is not for `link: rebind`, which is done in a moment"
            yield source.key_mark((*path, key)).complaint(message)
    if cell.link.kind != "loopback" and cell.link.nat is None:
        message = "`link: rebind` needs a NAT that forgets"
        yield source.mark((*path, "link")).complaint(message, "`link: {kind: veth, nat: {}}`")


def _reach(cell: Cell, kind: str, path: Path, source: Source) -> Found:
    """What is not the run's own is left alone."""
    ours = kind in ("stop", "kill")
    if ours and isinstance(cell.target, AttachTarget):
        message = f"target `{cell.target_name}` is not ours to {kind}: the lab did not start it"
        yield source.key_mark(("disturb",)).complaint(message)
    if not ours and cell.link.kind == "loopback":
        message = f"`{kind}` is done only to networks that the run itself makes, not to loopback"
        yield source.key_mark((*path, kind)).complaint(message, "`link: {kind: veth}`")


def _times(cell: Cell, source: Source) -> Found:
    ended_ns, window_ns = 0, window_ns_of(source)
    for index, one in enumerate(cell.disturb):
        path: Path = ("disturb", index)
        what = "stop" if one.stop is not None else "disturbance"
        if one.at_ns < ended_ns:
            message = f"a {what} begins before the one above it is over"
            yield source.mark((*path, "at")).complaint(message)
        ended_ns = one.at_ns + (one.for_ns or 0)
        if ended_ns > window_ns:
            message = f"the {what} ends at {format_duration(ended_ns)}, the window at"
            hint = "it has to end within the measured window"
            mark = source.mark((*path, "at" if one.for_ns is None else "for"))
            yield mark.complaint(f"{message} {format_duration(window_ns)}", hint)


def window_ns_of(source: Source) -> int:
    """The window as the file has it; what is wrong with `repeat` is complained about elsewhere."""
    try:
        return Repeat.model_validate(source.at(("repeat",)) or {}).window_ns
    except ValidationError:
        return Repeat().window_ns
