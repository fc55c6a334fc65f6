"""Probe `sockets`: what the TCP sockets on the server's port hold: queues, memory, states.

A socket whose local port is the server's belongs to the server, one whose remote port is to the
client; sock_diag tells (cpp/probe/sock_diag.h). Columns, for each side (`server_sockets_...`):
  receive_queue_bytes_mean, _max   received and not yet read by the program, over all its sockets
  send_queue_bytes_mean, _max      sent or to be sent, and not yet acknowledged, over all of them
  receive_queue_bytes_of_one_max, send_queue_bytes_of_one_max    the same in the fullest socket
  memory_bytes_mean, _max          kernel memory of all their buffers
  listen_queue_mean, _max          connections that wait to be accepted; _limit: the most that may
  drops                            segments dropped at sockets that were there at both edges
  established, syn_sent, ... time_wait, listen    sockets in that state at the window's end
`_mean` and `_max` are over samples taken by a thread of the runner, one each 10 ms (`samples` in
all; fewer where a sample costs more than 0.2 ms): exact at their moments, blind between them. They
leave TIME_WAIT out. `observer_sockets_ns` is that thread's CPU within the window, exact, and it is
not on the target's account. The record has the samples as the series `server_sockets` and
`client_sockets`, which the report draws, with the number of sockets in each state. Sees the network
namespaces of both sides' processes; another one than the runner's needs root. `sockets_slab_bytes`
is the kernel's memory for all TCP sockets of the machine at the window's end, without their buffers
(slab.py), and `sockets_slab_growth_bytes` that less the same at its start; it needs root.

Where there are more than SOCKETS_MAX sockets at the window's start, of whatever port, they are not
read one by one, which would take seconds: only the slabs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zyphos_lab.probes import native, processes, slab
from zyphos_lab.probes.base import ROLES, Columns, Pids, Probe, Role, Series, Skipped, now_ns

INTERVAL_NS = 10_000_000
SOCKETS_MAX = 50_000
TOO_MANY = f"over {SOCKETS_MAX:,} TCP sockets: reading each of them disturbs"
# Of include/net/tcp_states.h, from 1 on; 7 (closed) is never in a table.
STATES = ("established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close",
          "close_wait", "last_ack", "listen", "closing")  # fmt: skip
LISTED = tuple(state for state in STATES if state != "close")
NEW_SYN_RECV = 12  # a connection request, shown as syn_recv by other tools too
LEVELS = ("receive_queue_bytes", "send_queue_bytes", "memory_bytes", "listen_queue")
MAXIMA = ("receive_queue_bytes_of_one", "send_queue_bytes_of_one")
OF_MACHINE = ("observer_sockets_ns", "sockets_samples", "sockets_slab_bytes",
              "sockets_slab_growth_bytes")  # fmt: skip

Sample = tuple[int, int, dict[str, dict[str, int]]]


@dataclass(frozen=True, slots=True)
class RawSockets:
    """Every socket on the port, TIME_WAIT too, at one moment."""

    time_ns: int
    sockets: tuple[Any, ...]  # of _core.SocketQueues
    slab_bytes: int | None = None
    too_many: bool = False  # to be read


class SocketsProbe(Probe[RawSockets]):
    """Two dumps per trial and one each 10 ms: some 0.2 ms plus 1 us a socket. Needs no rights."""

    name = "sockets"
    by_port = True
    one_window = True

    def __init__(self) -> None:
        self._diags: list[Any] = []
        self._where: list[str] = []  # files of network namespaces
        self._sampler: Any = None
        self._port = 0
        self._core, self.reason = native.opened(lambda core: core)

    def attach(self, pids: Pids, port: int) -> None:
        self._stop()
        self._diags = []
        self._port = port
        if self._core is None:
            return
        self.reason = "" if port else "sockets: the target's port is not known"
        if not port:
            return
        where = self._where = processes.net_namespaces(pids)
        try:
            self._diags = [self._core.SockDiag(one) for one in where]
            self._sampler = self._core.SocketSampler(where, port, INTERVAL_NS)
        except OSError as error:
            self.reason = f"sockets: {error.strerror}"

    def snapshot(self) -> RawSockets:
        if self.reason:
            return RawSockets(now_ns(), ())
        if _in_use(self._where) > SOCKETS_MAX:
            self._stop()
            return RawSockets(now_ns(), (), slab.socket_slab_bytes(), True)
        try:
            found = [one for diag in self._diags for one in diag.queues(self._port)]
        except OSError as error:
            self.reason = f"sockets: {error.strerror}"
            return RawSockets(now_ns(), ())
        return RawSockets(now_ns(), tuple(found), slab.socket_slab_bytes())

    def columns(
        self, before: RawSockets, after: RawSockets, requests: int
    ) -> tuple[Columns, Skipped]:
        columns: Columns = dict.fromkeys((*OF_MACHINE, *_names()))
        if self.reason:
            return columns, {"sockets": self.reason}
        skipped = _add_slabs(columns, before.slab_bytes, after.slab_bytes)
        if before.too_many or after.too_many:
            return columns, {"sockets": TOO_MANY, **skipped}
        self._add_samples(columns, skipped, self._samples(before, after))
        for role in ROLES:
            old, new = (self._side(edge, role) for edge in (before, after))
            counted = [STATES[_state(socket) - 1] for socket in new.values()]
            columns.update({f"{role}_sockets_{one}": counted.count(one) for one in LISTED})
            columns[f"{role}_sockets_drops"] = _drops(old, new)
        return columns, skipped

    def series(self, before: RawSockets, after: RawSockets) -> list[Series]:
        told = not (self.reason or before.too_many or after.too_many)
        samples = self._samples(before, after) if told else []
        times = [time_ns for time_ns, _, _ in samples]
        return [
            Series(
                f"{role}_sockets", "", times, _columns_of([sides[role] for *_, sides in samples])
            )
            for role in ROLES
            if samples
        ]

    def close(self) -> None:
        self._stop()
        self._diags = []
        self.reason = "the probe is closed"

    def _stop(self) -> None:
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None

    def _samples(self, before: RawSockets, after: RawSockets) -> list[Sample]:
        self._sampler.stop()  # the window is over
        return [one for one in self._sampler.samples() if before.time_ns <= one[0] <= after.time_ns]

    def _side(self, edge: RawSockets, role: Role) -> dict[int, Any]:
        server = role == "server"
        return {one.cookie: one for one in edge.sockets
                if (one.local_port == self._port) == server}  # fmt: skip

    def _add_samples(self, columns: Columns, skipped: Skipped, samples: Sequence[Sample]) -> None:
        columns["sockets_samples"] = len(samples)
        if not samples:
            reason = self._sampler.reason or "no sample fell into the window: it is too short"
            skipped["sockets_samples"] = f"sockets: {reason}"
            return
        columns["observer_sockets_ns"] = samples[-1][1] - samples[0][1]
        for role in ROLES:
            seen = _columns_of([sides[role] for *_, sides in samples])
            prefix = f"{role}_sockets"
            for level in LEVELS:
                columns[f"{prefix}_{level}_mean"] = sum(seen[level]) / len(samples)
                columns[f"{prefix}_{level}_max"] = max(seen[level])
            columns.update({f"{prefix}_{one}_max": max(seen[one]) for one in MAXIMA})
            columns[f"{prefix}_listen_queue_limit"] = seen["listen_queue_limit"][-1]


def _add_slabs(columns: Columns, before: int | None, after: int | None) -> Skipped:
    columns["sockets_slab_bytes"] = after
    if before is not None and after is not None:
        columns["sockets_slab_growth_bytes"] = after - before
    return {} if after else {"sockets_slab_bytes": slab.NOT_TOLD}


def _in_use(where: Sequence[str]) -> int:
    """TCP sockets of these namespaces; 0 where the kernel does not tell."""
    folders = [one.removesuffix("ns/net") + "net" if one else "/proc/net" for one in where]
    return sum(n or 0 for folder in folders for n in processes.sockets_in_use(folder))


def _names() -> list[str]:
    """Every column that there is for a side."""
    over_time = [f"{level}_{which}" for level in LEVELS for which in ("mean", "max")]
    of_one = [f"{one}_max" for one in MAXIMA]
    names = (*over_time, *of_one, "listen_queue_limit", "drops", *LISTED)
    return [f"{role}_sockets_{name}" for role in ROLES for name in names]


def _columns_of(rows: Sequence[dict[str, int]]) -> dict[str, list[int]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _state(socket: Any) -> int:
    return STATES.index("syn_recv") + 1 if socket.state == NEW_SYN_RECV else int(socket.state)


def _drops(old: dict[int, Any], new: dict[int, Any]) -> int:
    """A socket that this kernel tells no drops of (TIME_WAIT, SYN_RECV) has none."""
    both = old.keys() & new.keys()
    return sum((new[one].drops or 0) - (old[one].drops or 0) for one in both)
