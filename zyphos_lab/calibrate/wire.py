"""What lies beside the ruler: the wire's time, and the waking up of a thread that sleeps.

A small client asks the reference server one request at a time and reads the kernel's own stamps of
its socket (SO_TIMESTAMPING). From the request's TX to the answer's RX, less the server's RX to TX,
is the wire, both ways. From the answer's RX until the client, which slept, has it in hand is what
waking up costs a thread of this machine; nothing of the ruler is in either.
"""

from __future__ import annotations

import os
import socket
import statistics
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from zyphos_lab.calibrate.bench import Place, target_of
from zyphos_lab.calibrate.cases import CASES, Setup, Speech
from zyphos_lab.targets import make
from zyphos_lab.targets.reference import RunningReference
from zyphos_lab.targets.truth import histogram

CASE = "constant_1ms"  # so long a pause lets the processor go idle, as between the ruler's answers
REQUESTS = 400
ALL_TIME_NS = (0, 2**62)
# linux/net_tstamp.h, asm-generic/socket.h; Python has no names for them before 3.13.
SO_TIMESTAMPING = 37
TX_SOFTWARE, RX_SOFTWARE, SOFTWARE, OPT_TSONLY = 1 << 1, 1 << 3, 1 << 4, 1 << 11
MSG_ERRQUEUE = 0x2000
TIMEOUT_S = 5
STAMPS = struct.Struct("@6q")  # three timespecs; the first is the software stamp


@dataclass(frozen=True, slots=True)
class Beside:
    """Nanoseconds: `wire_ns` the median there and back, `wake_ns` p50 and p99 of waking up.

    None and empty where the kernel gave no stamps.
    """

    wire_ns: float | None = None
    wake_ns: Mapping[str, float] = field(default_factory=dict)


def beside(speech: Speech, place: Place) -> Beside:
    """Measures both, with the client on the ruler's processor."""
    case = next(case for case in CASES if case.name == CASE)
    target = target_of(Setup(speech, case, poll=False), place)
    running = make("reference", target, place.children).start()
    try:
        assert isinstance(running, RunningReference)
        with _pinned(place.client_cpu):
            seen = list(_round_trips(speech, running))
        served = histogram(running.truth(*ALL_TIME_NS), "delay_ns")
    finally:
        running.stop()
    if len(seen) < 2 or not served.count:
        return Beside()
    trips, wakes = zip(*seen, strict=True)
    percentiles = statistics.quantiles(wakes, n=100)
    return Beside(
        max(0.0, statistics.median(trips) - float(served.quantile(0.5))),
        {"p50": percentiles[49], "p99": percentiles[98]},
    )


@contextmanager
def _pinned(cpu: int) -> Iterator[None]:
    """This thread on that processor meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _round_trips(speech: Speech, running: RunningReference) -> Iterator[tuple[int, int]]:
    """Of each request: kernel's TX to kernel's RX of its answer, and from there until it is here.

    Nanoseconds; the kernel's software stamps are of CLOCK_REALTIME.
    """
    with socket.create_connection((running.address, running.port), timeout=TIMEOUT_S) as connection:
        # Python's own timeout would poll, and a stamp that waits to be read ends each poll.
        connection.settimeout(None)
        timeval = struct.pack("@2q", TIMEOUT_S, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flags = TX_SOFTWARE | RX_SOFTWARE | SOFTWARE | OPT_TSONLY
        connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
        for _ in range(REQUESTS):
            connection.sendall(speech.request)
            _, received, _, _ = connection.recvmsg(1 << 16, 256)
            here = time.time_ns()
            _, sent, _, _ = connection.recvmsg(1, 256, MSG_ERRQUEUE)
            left, came = _stamp_ns(sent), _stamp_ns(received)
            if left and came:
                yield came - left, here - came


def _stamp_ns(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING) and len(data) >= STAMPS.size:
            seconds, nanoseconds, *_ = STAMPS.unpack(data[: STAMPS.size])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return 0
