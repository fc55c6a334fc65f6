"""What a load that keeps a pool of connections may ask. A rule as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.source import Source

Found = Iterator[Complaint]


def pool(cell: Cell, source: Source) -> Found:
    """A pool is for those who come whatever happens, one request at a time on a connection."""
    if cell.load.pool is None:
        return
    mark = source.key_mark(("load", "pool"))
    if cell.load.arrival.law in ("closed", "partly-open"):
        message = f"a user of law {cell.load.arrival.law} keeps a connection: it takes no `pool`"
        yield mark.complaint(message, "`law: constant` or `law: poisson`")
    if cell.load.pipeline > 1:
        mark = source.mark(("load", "pipeline"))
        yield mark.complaint("a pool's connection serves one request at a time", "`pipeline: 1`")
