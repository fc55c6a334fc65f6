"""What a cell may ask of a load of UDP datagrams. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.own_load_rules import LOAD, OwnLoad, own_load
from zyphos_lab.spec.source import Source
from zyphos_lab.spec.target_models import CodeTarget, CommandTarget

Found = Iterator[Complaint]

DATAGRAMS = OwnLoad("datagrams", ("processes", "ipc"), (16, 1472))  # cpp/datagram/options.h
LAWS = ("closed", "constant")


def datagrams(cell: Cell, source: Source) -> Found:
    """Nothing where there are none."""
    if cell.load.datagrams is None or isinstance(cell.target, CodeTarget):
        return
    yield from own_load(cell, DATAGRAMS, source)
    yield from _load(cell, source)
    if not isinstance(cell.target, CommandTarget):
        message = f"the target `{cell.target_name}` is no server of datagrams"
        mark = source.owner_mark(("targets", cell.target_name))
        yield mark.complaint(message, "`command: [zyphos-datagram, role=answer, ...]`")


def _load(cell: Cell, source: Source) -> Found:
    load = cell.load
    if load.connections != 1:
        mark = source.owner_mark((*LOAD, "connections"))
        yield mark.complaint("datagrams come from one socket", "`connections: 1`, and `in_flight`")
    if load.arrival.law not in LAWS or load.arrival.think_ns:
        mark = source.owner_mark((*LOAD, "arrival"))
        message = "datagrams come as `in_flight` lets them, or at a constant rate"
        yield mark.complaint(message, "law closed without `think`, or constant")
