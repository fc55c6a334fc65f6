"""Probe `leaks`: what the server still holds when its connections are gone.

Columns, all of the server's whole process tree:
  server_left_descriptors, server_left_threads   after the load has ended, less than before it came
  server_left_sockets    TCP sockets of the server's network namespace, likewise, but TIME_WAIT;
                         only where that is a namespace of its own (any link but loopback)
  server_rss_growth_bytes    resident memory at the window's end, less at its start, also per
                         request: of a load with one request per connection, bytes kept of each
Descriptors, threads and sockets are exact. The server gets half a second to hear of its
connections' ends: they are read again until they are what they were before the load, or the time is
over. Whole pages are resident, and what a pool keeps for the next connection counts too, so that
memory tells only by its growth: without a leak it does not depend on how many connections there
were.

Source: proc(5) (fd, status, statm), /proc/PID/net/sockstat (net/ipv4/proc.c: `inuse` is of one
namespace). Linux 6.2. Before this probe's first reading the load must not have connected: it is
attached with the server alone. A trace has no load that ends: its columns are null.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from zyphos_lab.probes import processes
from zyphos_lab.probes.base import (
    NO_PROCESS,
    Columns,
    Pids,
    Probe,
    Skipped,
    absent,
    add_per_request,
    now_ns,
)
from zyphos_lab.probes.rusage import PAGE_BYTES

GRACE_NS = 500_000_000
AGAIN_S = 0.005
LEFT = ("descriptors", "threads", "sockets")
GROWTH = "server_rss_growth_bytes"
NOT_ENDED = "no load has ended while this was watched"
SHARED = "the server shares its network namespace with others: a link other than loopback tells"
GONE = "the server's processes ended with the load, or this kernel does not show them"

Held = dict[str, int | None]


class LeaksProbe(Probe[int | None]):
    """Two readings of /proc at rest and two in the window: some 20 us a process each."""

    name = "leaks"
    early = True

    def __init__(self) -> None:
        self._roots: tuple[int, ...] = ()
        self._before: Held = {}
        self._after: Held | None = None

    def attach(self, pids: Pids, port: int) -> None:
        self._roots = tuple(pids.get("server", ()))
        self._before = _held(self._roots)
        self._after = None

    def snapshot(self) -> int | None:
        return _sum(_resident(process) for process in processes.tree(self._roots, frozenset()))

    def load_ended(self) -> None:
        give_up_ns = now_ns() + GRACE_NS
        self._after = _held(self._roots)
        while self._after != self._before and now_ns() < give_up_ns:
            time.sleep(AGAIN_S)
            self._after = _held(self._roots)

    def columns(
        self, before: int | None, after: int | None, requests: int
    ) -> tuple[Columns, Skipped]:
        names = [f"server_left_{one}" for one in LEFT]
        columns = absent((*names, GROWTH), (GROWTH,))
        if not self._roots:
            return columns, {"leaks": NO_PROCESS}
        columns[GROWTH] = _less(after, before)
        add_per_request(columns, [GROWTH], requests)
        if self._after is None:
            return columns, dict.fromkeys(names, NOT_ENDED)
        left = {one: _less(self._after[one], self._before[one]) for one in LEFT}
        columns.update({f"server_left_{one}": value for one, value in left.items()})
        return columns, {f"server_left_{one}": SHARED if one == "sockets" else GONE
                         for one, value in left.items() if value is None}  # fmt: skip


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def _held(roots: tuple[int, ...]) -> Held:
    """What these processes and theirs hold now."""
    members = processes.tree(roots, frozenset())
    return {
        "descriptors": _sum(map(_descriptors, members)),
        "threads": _sum(len(list(processes.threads(one))) or None for one in members),
        "sockets": _sockets(roots),
    }


def _sum(found: Iterator[int | None]) -> int | None:
    """None where one is, or where there are none."""
    values = list(found)
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _descriptors(process: int) -> int | None:
    try:
        return os.stat(f"/proc/{process}/fd").st_size or None
    except OSError:
        return None


def _resident(process: int) -> int | None:
    fields = (processes.read(f"/proc/{process}/statm") or b"").split()
    return int(fields[1]) * PAGE_BYTES if len(fields) > 1 else None


def _sockets(roots: tuple[int, ...]) -> int | None:
    """TCP sockets of the namespace that these processes are in; None where it is the runner's."""
    if not roots or processes.net_namespaces({"server": roots}) == [""]:
        return None
    return _sum(processes.sockets_in_use(f"/proc/{roots[0]}/net"))
