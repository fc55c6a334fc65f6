"""What a cell may ask of messages between two processes of one machine. Rules as in rules.py."""

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
    *("generator", "family", "addresses", "pool", "threads", "pipeline", "fetch"),
    *("requests_per_connection", "wire_timeout", "poll", "read_rate", "kernel_timestamps"),
    *("socket", "write_pattern", "send_call"),
)
MESSAGE_BYTES = (8, 1 << 20)  # as cpp/ipc/options.h has them
SLEEPING = ("eventfd", "futex")


def ipc(cell: Cell, source: Source) -> Found:
    """Nothing where there are none."""
    if cell.load.ipc is None or isinstance(cell.target, CodeTarget):
        return
    yield from _load(cell, source)
    yield from _channel(cell, source)
    if not isinstance(cell.target, CommandTarget):
        message = f"the target `{cell.target_name}` is a server of a network"
        mark = source.owner_mark(("targets", cell.target_name))
        yield mark.complaint(message, "`command: [zyphos-ipc, role=answer, ...]`")
    if cell.link.kind != "loopback":
        yield source.key_mark(("link",)).complaint("two processes of one machine have no link")
    if source.at(("search",)) is not None:
        message = "messages between processes have no rate that could be searched"
        yield source.key_mark(("search",)).complaint(message)


def _load(cell: Cell, source: Source) -> Found:
    load = cell.load
    for key in USELESS:
        if source.at((*LOAD, key)) is not None:
            mark = source.key_mark((*LOAD, key))
            yield mark.complaint(f"messages between processes have no use for `{key}`")
    if load.protocol != "echo":
        message = f"messages between processes are those of echo, not {load.protocol}"
        yield source.mark((*LOAD, "protocol")).complaint(message)
    if load.connections != 1:
        mark = source.owner_mark((*LOAD, "connections"))
        yield mark.complaint("there is one channel between two processes", "`connections: 1`")
    if load.arrival.law != "closed" or load.arrival.think_ns:
        mark = source.owner_mark((*LOAD, "arrival"))
        message = "messages between processes come one after the other"
        yield mark.complaint(message, "law closed, without `think`")


def _channel(cell: Cell, source: Source) -> Found:
    load, found = cell.load, cell.load.ipc
    assert found is not None
    least, most = MESSAGE_BYTES
    if not least <= load.message_bytes <= most:
        mark = source.owner_mark((*LOAD, "message_bytes"))
        yield mark.complaint(f"a message between processes has {least} to {most} bytes")
    if found.buffer_bytes < 2 * load.message_bytes:
        mark = source.owner_mark((*LOAD, "ipc", "buffer"))
        yield mark.complaint(f"`buffer` must hold two messages of {load.message_bytes} bytes")
    if found.spins and found.by not in SLEEPING:
        mark = source.key_mark((*LOAD, "ipc", "spins"))
        yield mark.complaint(f"who waits by {found.by} never sleeps after looking so often")
