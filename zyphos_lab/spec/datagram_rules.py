"""What a cell may ask of a load of UDP datagrams. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import CodeTarget, CommandTarget

Found = Iterator[Complaint]

LOAD: Path = ("load",)
# Of a load, what they have no use for.
USELESS = (
    *("generator", "family", "addresses", "pool", "processes", "threads", "pipeline", "fetch"),
    *("ipc", "requests_per_connection", "wire_timeout", "read_rate", "kernel_timestamps"),
    *("socket", "write_pattern", "send_call"),
)
MESSAGE_BYTES = (16, 1472)  # as cpp/datagram/options.h has them
LAWS = ("closed", "constant")


def datagrams(cell: Cell, source: Source) -> Found:
    """Nothing where there are none."""
    if cell.load.datagrams is None or isinstance(cell.target, CodeTarget):
        return
    yield from _load(cell, source)
    if not isinstance(cell.target, CommandTarget):
        message = f"the target `{cell.target_name}` is no server of datagrams"
        mark = source.owner_mark(("targets", cell.target_name))
        yield mark.complaint(message, "`command: [zyphos-datagram, role=answer, ...]`")


def _load(cell: Cell, source: Source) -> Found:
    load = cell.load
    for key in USELESS:
        if source.at((*LOAD, key)) is not None:
            mark = source.key_mark((*LOAD, key))
            yield mark.complaint(f"a load of datagrams has no use for `{key}`")
    if load.protocol != "echo":
        message = f"a load of datagrams is protocol echo, not {load.protocol}"
        yield source.mark((*LOAD, "protocol")).complaint(message)
    if load.connections != 1:
        mark = source.owner_mark((*LOAD, "connections"))
        yield mark.complaint("datagrams come from one socket", "`connections: 1`, and `in_flight`")
    if load.arrival.law not in LAWS or load.arrival.think_ns:
        mark = source.owner_mark((*LOAD, "arrival"))
        message = "datagrams come as `in_flight` lets them, or at a constant rate"
        yield mark.complaint(message, "law closed without `think`, or constant")
    least, most = MESSAGE_BYTES
    if not least <= load.message_bytes <= most:
        mark = source.owner_mark((*LOAD, "message_bytes"))
        yield mark.complaint(f"a datagram has {least} to {most} bytes")
