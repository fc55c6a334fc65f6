"""What a cell may ask of somebody else's load generator.

TOOLS is the one place that says what each can keep of an experiment's load; the adapters in
zyphos_lab/rulers make the command lines. Rules as in rules.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.disturb_rules import window_ns_of
from zyphos_lab.spec.source import Source
from zyphos_lab.spec.target_models import Socket
from zyphos_lab.units import format_duration

Found = Iterator[Complaint]

SECOND_NS = 1_000_000_000
LAWS = ("closed", "constant")


@dataclass(frozen=True, slots=True)
class Tool:
    """What a foreign generator can do. `rate`: whether it can be asked for one."""

    rate: bool
    threads: bool = True
    pipeline: bool = False
    whole_seconds: bool = False


TOOLS = {
    "wrk": Tool(rate=False, pipeline=True, whole_seconds=True),
    "h2load": Tool(rate=True, whole_seconds=True),
    "ab": Tool(rate=False, threads=False, whole_seconds=True),
    "oha": Tool(rate=True),
    "vegeta": Tool(rate=True),
}


def law_run(tool: str, law: str) -> str:
    """The arrival law that `tool` really keeps where `law` was asked for."""
    return law if tool not in TOOLS or TOOLS[tool].rate else "closed"


def generator(cell: Cell, source: Source) -> Found:
    ruler = cell.load.ruler
    mark = source.mark(("load", "generator"))
    if ruler.tool != "zyphos":
        yield from _what_it_sends(cell, source)
        yield from _how_long(cell, source)
    elif ruler.path is not None or ruler.arguments:
        yield mark.complaint("generator zyphos is ours: it takes neither path nor arguments")


def _what_it_sends(cell: Cell, source: Source) -> Found:
    load, tool = cell.load, cell.load.ruler.tool
    able = TOOLS[tool]
    if load.protocol != "http1":
        message = f"generator {tool} speaks http1, not {load.protocol}"
        yield source.mark(("load", "generator")).complaint(message)
    if load.arrival.law not in LAWS:
        message = f"generator {tool} has no law {load.arrival.law}"
        yield source.mark(("load", "arrival", "law")).complaint(message, " or ".join(LAWS))
    if load.arrival.think_ns:
        mark = source.key_mark(("load", "arrival", "think"))
        yield mark.complaint(f"generator {tool} has no think time")
    for key, given in (
        ("socket", load.socket != Socket()),
        ("addresses", load.addresses > 1),
        ("pool", load.pool is not None),
        ("processes", load.processes > 1),
        ("requests", load.requests is not None),
        ("requests_per_connection", load.requests_per_connection is not None),
        ("wire_timeout", load.wire_timeout_ns is not None),
        ("poll", load.poll),
        ("read_rate", load.read_bits_per_second is not None),
        ("kernel_timestamps", load.kernel_timestamps),
    ):
        if given:
            message = f"generator {tool} knows no `{key}`"
            yield source.key_mark(("load", key)).complaint(message)
    if load.pipeline > 1 and not able.pipeline:
        yield source.mark(("load", "pipeline")).complaint(f"generator {tool} does not pipeline")
    if load.threads > 1 and not able.threads:
        yield source.mark(("load", "threads")).complaint(f"generator {tool} has one thread")


def _how_long(cell: Cell, source: Source) -> Found:
    tool, window_ns = cell.load.ruler.tool, window_ns_of(source)
    if TOOLS[tool].whole_seconds and window_ns % SECOND_NS:
        message = f"generator {tool} counts in whole seconds: the window is"
        mark = source.mark(("repeat", "window"))
        yield mark.complaint(f"{message} {format_duration(window_ns)}", "such as `window: 1s`")
