"""What of a request's time is the wire's: the kernel's timestamps at both ends.

A small client asks the reference server one request at a time and reads the kernel's own stamps of
its socket (SO_TIMESTAMPING): from the request's TX to the answer's RX. Less the server's RX to TX,
what is left is the wire, both ways, and no program's waking up is in it.
"""

from __future__ import annotations

import socket
import statistics
import struct
from collections.abc import Iterator

from zyphos_lab.calibrate.bench import Place, target_of
from zyphos_lab.calibrate.cases import CASES, Speech
from zyphos_lab.targets import make
from zyphos_lab.targets.reference import RunningReference
from zyphos_lab.targets.truth import histogram

REQUESTS = 200
ALL_TIME_NS = (0, 2**62)
# linux/net_tstamp.h, asm-generic/socket.h; Python has no names for them before 3.13.
SO_TIMESTAMPING = 37
TX_SOFTWARE, RX_SOFTWARE, SOFTWARE, OPT_TSONLY = 1 << 1, 1 << 3, 1 << 4, 1 << 11
MSG_ERRQUEUE = 0x2000
STAMPS = struct.Struct("@6q")  # three timespecs; the first is the software stamp


def wire_ns(speech: Speech, place: Place) -> float | None:
    """Median time on the wire, there and back; None where the kernel gave no stamps."""
    case = next(case for case in CASES if case.kind == "latency")
    target = target_of(case, speech, place.server_cpu)
    running = make("reference", target, place.children).start()
    try:
        assert isinstance(running, RunningReference)
        seen = list(_round_trips(speech, running))
        served = histogram(running.truth(*ALL_TIME_NS), "delay_ns")
    finally:
        running.stop()
    if not seen or not served.count:
        return None
    return max(0.0, statistics.median(seen) - float(served.quantile(0.5)))


def _round_trips(speech: Speech, running: RunningReference) -> Iterator[int]:
    """Kernel's TX of each request to kernel's RX of its answer, in nanoseconds."""
    with socket.create_connection((running.address, running.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flags = TX_SOFTWARE | RX_SOFTWARE | SOFTWARE | OPT_TSONLY
        connection.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
        for _ in range(REQUESTS):
            connection.sendall(speech.request)
            _, received, _, _ = connection.recvmsg(1 << 16, 256)
            _, sent, _, _ = connection.recvmsg(1, 256, MSG_ERRQUEUE)
            left, came = _stamp_ns(sent), _stamp_ns(received)
            if left and came:
                yield came - left


def _stamp_ns(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING) and len(data) >= STAMPS.size:
            seconds, nanoseconds, *_ = STAMPS.unpack(data[: STAMPS.size])
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return 0
