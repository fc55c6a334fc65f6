"""What a cell may ask of a fetch: one URL, one at a time. Rules as in rules.py."""

from __future__ import annotations

from collections.abc import Iterator

from zyphos_lab.errors import Complaint
from zyphos_lab.spec.cell import Cell
from zyphos_lab.spec.source import Path, Source
from zyphos_lab.spec.target_models import CodeTarget, CommandTarget

Found = Iterator[Complaint]

PORT_MAX = 65535
LOAD: Path = ("load",)
FETCH: Path = ("load", "fetch")
# Of a load, what a fetch has no use for.
USELESS = (
    *("generator", "addresses", "pool", "processes", "threads", "pipeline"),
    *("requests_per_connection",),
    *("wire_timeout", "poll", "read_rate", "kernel_timestamps", "socket", "method", "path"),
    *("headers", "body", "body_bytes", "requests", "order"),
)


def fetch(cell: Cell, source: Source) -> Found:
    """Nothing where there is none."""
    if cell.load.fetch is None or isinstance(cell.target, CodeTarget):
        return
    yield from _load(cell, source)
    yield from _tls(cell, source)
    yield from _target(cell, source)


def _load(cell: Cell, source: Source) -> Found:
    load = cell.load
    for key in USELESS:
        if source.at((*LOAD, key)) is not None:
            yield source.key_mark((*LOAD, key)).complaint(f"a fetch has no use for `{key}`")
    if load.protocol != "http1":
        message = f"a fetch speaks http1, not {load.protocol}"
        yield source.mark((*LOAD, "protocol")).complaint(message)
    if load.connections != 1:
        mark = source.mark((*LOAD, "connections"))
        yield mark.complaint("fetches come one at a time", "`connections: 1`")
    if load.arrival.law != "closed":
        mark = source.mark((*LOAD, "arrival", "law"))
        yield mark.complaint(f"a fetch has no law {load.arrival.law}", "closed, with `think`")
    if load.check.body is not None:
        mark = source.key_mark((*LOAD, "check", "body"))
        yield mark.complaint("a fetch counts the body's bytes", "`body_bytes`")


def _tls(cell: Cell, source: Source) -> Found:
    found = cell.load.fetch
    assert found is not None
    for key in ("tls", "session"):
        if getattr(found, key) is not None and not found.secure:
            mark = source.key_mark((*FETCH, key))
            yield mark.complaint(f"`{key}` is for https, the URL is http")
    if found.session == "early_data" and found.tls == "1.2":
        mark = source.mark((*FETCH, "session"))
        yield mark.complaint("early data came with TLS 1.3", '`tls: "1.3"`')


def _target(cell: Cell, source: Source) -> Found:
    found, target = cell.load.fetch, cell.target
    assert found is not None
    mark = source.mark((*FETCH, "url"))
    if found.port.isdecimal() and not 0 < int(found.port) <= PORT_MAX:
        yield mark.complaint(f"{found.port} is no port", f"1 to {PORT_MAX}")
    if not found.secure:
        return
    host = target.certificate if isinstance(target, CommandTarget) else None
    if host is None:
        message = f"nobody trusts the target `{cell.target_name}`: it has no certificate of ours"
        yield mark.complaint(message, "`certificate: HOST` of a target with `command`")
    elif host.lower() != found.host.lower():
        yield mark.complaint(f"the certificate of `{cell.target_name}` is for {host}")
