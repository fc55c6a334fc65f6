"""Probe `tcp_info`: the kernel's figures of the TCP sockets on the server's port, both sides.

A socket whose local port is the server's belongs to the server, one whose remote port is to the
client. Counts are differences per socket, matched by the kernel's cookie; a socket that was
opened within the window counts from zero. Counts of a socket that closed within it are gone with
it, so then the sums are None with that reason. Means (rtt, cwnd, ack timeout) are over the
sockets open at the window's end. Sees the network namespaces of the trial's processes.
`congestion` lists the algorithms in use, sorted, by commas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zyphos_lab.probes import native, processes
from zyphos_lab.probes.base import (
    ROLES,
    Columns,
    Pids,
    Probe,
    Role,
    Skipped,
    absent,
    add_per_request,
)

COUNTS = (
    "segs_out",
    "segs_in",
    "data_segs_out",
    "data_segs_in",
    "bytes_acked",
    "bytes_received",
    "bytes_retransmitted",
    "retransmits",
    "busy_ns",
    "window_limited_ns",
    "sndbuf_limited_ns",
)
MEANS = {"rtt_ns": "rtt_ns_mean", "cwnd": "cwnd_mean", "ack_timeout_ns": "ack_timeout_ns_mean"}
SOCKETS = ("sockets", "sockets_opened", "sockets_closed")

RawSockets = list[Any]  # of _core.TcpSocket


class TcpInfoProbe(Probe[RawSockets]):
    """One sock_diag dump per snapshot: some 0.2 ms plus 1 us a socket. Needs no rights."""

    name = "tcp_info"
    by_port = True

    def __init__(self) -> None:
        diag, why = native.opened(lambda core: core.SockDiag())
        self._diags: list[Any] = [] if why else [diag]  # one for each network namespace
        self.reason = f"tcp_info: {why}" if why else ""
        self._port = 0

    def attach(self, pids: Pids, port: int) -> None:
        self._port = port
        if not self._diags:
            return
        self.reason = "" if port else "tcp_info: the target's port is not known"
        try:
            diag = native.core().SockDiag
            self._diags = [diag(path) for path in processes.net_namespaces(pids)]
        except OSError as error:
            self.reason = f"tcp_info: {error.strerror} (errno {error.errno})"

    def snapshot(self) -> RawSockets:
        if self.reason:
            return []
        try:
            return [socket for diag in self._diags for socket in diag.dump(self._port)]
        except OSError as error:
            self.reason = f"tcp_info: {error.strerror} (errno {error.errno})"
            return []

    def columns(
        self, before: RawSockets, after: RawSockets, requests: int
    ) -> tuple[Columns, Skipped]:
        columns: Columns = {}
        skipped: Skipped = {}
        for role in ROLES:
            names = [f"{role}_tcp_{name}" for name in COUNTS]
            others = [f"{role}_tcp_{name}" for name in (*SOCKETS, *MEANS.values(), "congestion")]
            columns.update(absent((*names, *others), names))
            if not self.reason:
                self._add_role(role, columns, skipped, (before, after))
                add_per_request(columns, names, requests)
        if self.reason:
            skipped["tcp_info"] = self.reason
        return columns, skipped

    def _add_role(
        self,
        role: Role,
        columns: Columns,
        skipped: Skipped,
        edges: tuple[RawSockets, RawSockets],
    ) -> None:
        old, new = ({s.cookie: s for s in edge if self._side(s) == role} for edge in edges)
        prefix = f"{role}_tcp"
        if not old and not new:
            skipped[prefix] = "no TCP socket of this side in its network namespace"
            return
        columns[f"{prefix}_sockets"] = len(new)
        columns[f"{prefix}_sockets_opened"] = len(new.keys() - old.keys())
        columns[f"{prefix}_sockets_closed"] = closed = len(old.keys() - new.keys())
        names = {socket.congestion for socket in new.values()} - {""}
        columns[f"{prefix}_congestion"] = ",".join(sorted(names)) or None
        _add_means(prefix, columns, skipped, list(new.values()))
        if closed:
            skipped[prefix] = f"{closed} of {len(old)} sockets closed in the window, counts and all"
        else:
            _add_counts(prefix, columns, skipped, old, new)

    def _side(self, socket: Any) -> Role:
        return "server" if socket.local_port == self._port else "client"

    def close(self) -> None:
        self._diags = []
        self.reason = "the probe is closed"


def _add_counts(
    prefix: str, columns: Columns, skipped: Skipped, old: dict[int, Any], new: dict[int, Any]
) -> None:
    for name in COUNTS:
        deltas = [
            _difference(getattr(old.get(cookie), name, 0), getattr(socket, name))
            for cookie, socket in new.items()
        ]
        known = [delta for delta in deltas if delta is not None]
        if len(known) == len(deltas):
            columns[f"{prefix}_{name}"] = sum(known)
        else:
            skipped[f"{prefix}_{name}"] = "this kernel's tcp_info does not have it"


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _add_means(prefix: str, columns: Columns, skipped: Skipped, sockets: Sequence[Any]) -> None:
    for name, column in MEANS.items():
        values = [value for s in sockets if (value := getattr(s, name)) is not None]
        if values:
            columns[f"{prefix}_{column}"] = sum(values) / len(values)
        else:
            skipped[f"{prefix}_{column}"] = "no open socket had a value at the window's end"
