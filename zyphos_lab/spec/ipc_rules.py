"""What a cell may ask of messages between two processes of one machine. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.own_load_rules import LOAD, OwnLoad, own_load
from zyphos_lab.spec.source import Source
from zyphos_lab.spec.target_models import CodeTarget, CommandTarget

Found = Iterator[Complaint]

MESSAGES = OwnLoad("messages between processes", ("poll",), (8, 1 << 20))  # cpp/ipc/options.h
SLEEPING = ("eventfd", "futex")


def ipc(cell: Cell, source: Source) -> Found:
    """Nothing where there are none."""
    if cell.load.ipc is None or isinstance(cell.target, CodeTarget):
        return
    yield from own_load(cell, MESSAGES, source)
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
    if found.buffer_bytes < 2 * load.message_bytes:
        mark = source.owner_mark((*LOAD, "ipc", "buffer"))
        yield mark.complaint(f"`buffer` must hold two messages of {load.message_bytes} bytes")
    if found.spins and found.by not in SLEEPING:
        mark = source.key_mark((*LOAD, "ipc", "spins"))
        yield mark.complaint(f"who waits by {found.by} never sleeps after looking so often")
