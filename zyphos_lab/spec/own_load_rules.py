"""What loads have in common that a program of their own sends in place of the load generator:
messages between processes, datagrams. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.source import Path, Source

Found = Iterator[Complaint]

LOAD: Path = ("load",)
# Of a load, what none of them has a use for.
USELESS = (
    *("generator", "family", "addresses", "pool", "threads", "pipeline", "fetch"),
    *("requests_per_connection", "wire_timeout", "read_rate", "kernel_timestamps"),
    *("socket", "write_pattern", "send_call"),
)


@dataclass(frozen=True)
class OwnLoad:
    """`what` in the plural; `useless`: more keys than USELESS; `message_bytes`: least and most."""

    what: str
    useless: tuple[str, ...]
    message_bytes: tuple[int, int]


def own_load(cell: Cell, kind: OwnLoad, source: Source) -> Found:
    load, what = cell.load, kind.what
    for key in (*USELESS, *kind.useless):
        if source.at((*LOAD, key)) is not None:
            yield source.key_mark((*LOAD, key)).complaint(f"{what} have no use for `{key}`")
    if load.protocol != "echo":
        message = f"{what} are those of echo, not {load.protocol}"
        yield source.mark((*LOAD, "protocol")).complaint(message)
    least, most = kind.message_bytes
    if not least <= load.message_bytes <= most:
        mark = source.owner_mark((*LOAD, "message_bytes"))
        yield mark.complaint(f"{what} have {least} to {most} bytes")
