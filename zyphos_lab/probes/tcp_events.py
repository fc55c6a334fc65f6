"""Probe `tcp_events`: what TCP did on the server's port, from the kernel's tracepoints, by BPF.

A socket whose local port is the server's belongs to the server, one whose remote port is to the
client; a dropped packet to the side that it was on the way to. Sees the network namespaces of both
sides' processes. Columns of each side (`server_tcp_events_...`), counts and sums also per request:
  <state>_to_<state>   transitions ("established_to_close_wait"): exact; `closed_to_listen` and the
                       like are there, TIME_WAIT is not, which the kernel keeps without a socket:
                       `fin_wait2_to_closed` and `closing_to_closed` are the way into it, but also
                       that of a reset (`resets_in` has it). A state that is set twice, as by
                       close(2) after shutdown(2), is no transition
  state_<state>_ns     time in that state, of sockets that left it in the window
  connect_ns_p50, _p99, _max   from SYN_SENT (client) or SYN_RECV (server) to ESTABLISHED
  retransmits, syn_retransmits (the part that were SYNs), synack_retransmits   attempts: exact
  segs_in              segments received on established connections
  srtt_ns_p50, _p99, _max      smoothed round-trip time as it stood at each of those
  silence_ns_p50, _p99, _max   of connections that ended at once (ESTABLISHED to CLOSED: a reset, a
                       timeout), from the last segment received to that end
  zero_windows, zero_window_ns  times that the peer closed its window, and how long it was closed
                       (until the first segment that opens it; those that did, in the window)
  resets_out, resets_in, reset_<reason>    resets sent (by the kernel's sk_rst_reason) and received
  drops, drop_<reason> packets dropped, by the kernel's own name (skb_drop_reason): exact, of
                       TCP packets; a full accept queue is `tcp_listen_overflow`, or, where the
                       kernel gives that reason to none, in `listen_drops` of probe netstat
  samples_lost, lost   samples and connections for which the kernel had no memory

The record has, as the series `server_tcp` and `client_tcp`, the first two connections of each side
that receive anything: cwnd, ssthresh (None while it is infinite), srtt_ns, snd_wnd_bytes,
packets_out, retransmits and bytes_acked against time, at most one sample a millisecond, taken when
a segment comes in and before it is worked on; equal ones in a row are left out. They begin with
the trial, so those of the warm-up have times below zero, and end where the side closes its own
(sends its FIN). The report draws them.

Quantiles are within 3.2 %, times in a state from before the window count from its start on. The
observer: the program ran 340 ns per segment received here (BPF_ENABLE_STATS).
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from zyphos_lab.probes import native, processes
from zyphos_lab.probes.base import ROLES, Columns, Pids, Series, Skipped, add_per_request
from zyphos_lab.probes.bpf import Deltas, RawCounts, RoleProbe

SAMPLE_INTERVAL_NS = 1_000_000
INFINITE_SSTHRESH = 0x7FFFFFFF
# Of include/net/tcp_states.h, from 0 on.
STATES = ("none", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
          "closed", "close_wait", "last_ack", "listen", "closing", "new_syn_recv")  # fmt: skip
TIMED = ("established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "close_wait", "last_ack",
         "closing")  # fmt: skip
# Always in the record; another one from the trial on in which it was first seen.
USUAL = ("closed_to_syn_sent", "syn_sent_to_established", "listen_to_syn_recv",
         "syn_recv_to_established", "established_to_fin_wait1", "established_to_close_wait",
         "established_to_closed")  # fmt: skip
SAMPLED = ("cwnd", "ssthresh", "srtt_ns", "snd_wnd_bytes", "packets_out", "retransmits",
           "bytes_acked")  # fmt: skip
DROPS, RESETS = ("drop", "skb_drop_reason"), ("reset", "sk_rst_reason")

Sample = tuple[int, ...]


class TcpEventsProbe(RoleProbe):
    """Loads the BPF programs when made (some 20 ms)."""

    name = "tcp_events"
    costly = "adds some 340 ns to each segment received"
    by_port = True
    loader = "load_tcp_events"
    prefix = "tcp_events"
    counts = (
        "retransmits",
        "syn_retransmits",
        "synack_retransmits",
        "segs_in",
        "zero_windows",
        "zero_window_ns",
        "resets_in",
        "resets_out",
        "drops",
        "samples_lost",
        "lost",
        *(f"state_{state}_ns" for state in TIMED),
    )
    times = ("connect", "srtt", "silence")

    def __init__(self) -> None:
        self._events: Any = None
        self._samples: list[Sample] = []
        self._seen: set[str] = set(USUAL)
        self._reasons: dict[str, dict[int, str]] = {}
        super().__init__()
        if self._events is not None:
            kernel = native.core().kernel_enum
            self._reasons = {kind: _short(kernel(enum)) for kind, enum in (DROPS, RESETS)}

    def load(self) -> tuple[Any, str]:
        self._events, refused = super().load()
        return None if self._events is None else self._events.counter, refused

    def rest(self) -> None:
        super().rest()
        self._events = None

    def attach(self, pids: Pids, port: int) -> None:
        self._samples = []
        self._roles = ROLES if port else ()
        if self._events is None:
            return
        self.reason = "" if port else "tcp_events: the target's port is not known"
        self._events.watch(port, _inodes(pids), SAMPLE_INTERVAL_NS)

    def snapshot(self) -> RawCounts:
        if self._events is not None:
            self._samples += self._events.take_samples()
        return super().snapshot()

    def columns(
        self, before: RawCounts, after: RawCounts, requests: int
    ) -> tuple[Columns, Skipped]:
        columns, skipped = super().columns(before, after, requests)
        if self.reason:
            return columns, {self.name: self.reason}
        found = {
            role: dict(self._named(deltas)) for role, deltas in self.deltas(before, after).items()
        }
        self._seen.update(*found.values())
        for role, named in found.items():
            own = {f"{role}_{self.prefix}_{one}": named.get(one, 0) for one in sorted(self._seen)}
            columns.update(own)
            add_per_request(columns, own, requests)
        return columns, skipped

    def counted(self, deltas: Deltas) -> dict[str, int]:
        times = _part(deltas, "state_ns")
        timed = {f"state_{state}_ns": times[STATES.index(state)] for state in TIMED}
        return {name: timed[name] if name in timed else deltas[name] for name in self.counts}

    def _named(self, deltas: Deltas) -> Iterator[tuple[str, int]]:
        """Transitions and reasons that there were, by name."""
        for at, count in enumerate(_part(deltas, "transitions")):
            if count:
                yield f"{STATES[at // len(STATES)]}_to_{STATES[at % len(STATES)]}", count
        for kind, name in (("drop", "drops"), ("reset", "resets_out")):
            for reason, count in enumerate(_part(deltas, name)):
                if count:
                    yield f"{kind}_{self._reasons[kind].get(reason, f'nr{reason}')}", count

    def series(self, before: RawCounts, after: RawCounts) -> list[Series]:
        kept = sorted(self._samples, key=lambda one: (one[2], one[1], one[0]))
        return [
            _series(f"{ROLES[role]}_tcp", f"socket {cookie}", list(samples))
            for (role, cookie), samples in groupby(kept, key=lambda one: (one[2], one[1]))
        ]


def _inodes(pids: Pids) -> list[int]:
    """Inode numbers of the network namespaces that these processes are in."""
    paths = [path or "/proc/self/ns/net" for path in processes.net_namespaces(pids)]
    return [os.stat(path).st_ino for path in paths]


def _part(deltas: Deltas, name: str) -> array[int]:
    first, slots = deltas.layout[name]
    return deltas.numbers[first : first + slots]


def _short(names: dict[int, str]) -> dict[int, str]:
    """`SKB_DROP_REASON_NO_SOCKET` -> `no_socket`."""
    return {value: name.partition("_REASON_")[2].lower() or name.lower()
            for value, name in names.items()}  # fmt: skip


def _series(name: str, of: str, samples: Sequence[Sample]) -> Series:
    kept = [one for at, one in enumerate(samples)
            if at in (0, len(samples) - 1) or one[3:] != samples[at - 1][3:]]  # fmt: skip
    values: dict[str, list[float | None]] = {
        column: [one[3 + at] for one in kept] for at, column in enumerate(SAMPLED)
    }
    values["ssthresh"] = [None if one == INFINITE_SSTHRESH else one for one in values["ssthresh"]]
    return Series(name, of, [one[0] for one in kept], values)
