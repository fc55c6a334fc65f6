"""The kernel's changes of state, each beside the packet that caused it.

A socket that sends its SYN or FIN changes its state first, and the packet is captured after; one
that receives changes it after the packet was captured. So a cause is the first such packet after
the change, or the last before it. At the end that was not captured packets come later, and leave
earlier, by the way between: half of the time from SYN to SYN-ACK, which is taken off and added to
the uncertainty; there the nearest such packet is the cause.

Where the kernel departs from RFC 9293: from a SYN to the handshake's ACK it holds a request and no
socket (the whole of SYN_RECV lies at that ACK), and TIME_WAIT, often FIN_WAIT2 too, is kept without
a socket (here it ends in CLOSE). Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from zyphos_lab.packets.connections import Connection, Segment
from zyphos_lab.packets.decode import ACK, FIN, RST, SYN
from zyphos_lab.packets.kernel_states import Change, KernelStates

# What a socket sends, or receives, when it goes from one state into another.
SENDS = {
    ("CLOSE", "SYN_SENT"): SYN,
    ("ESTABLISHED", "FIN_WAIT1"): FIN,
    ("SYN_RECV", "FIN_WAIT1"): FIN,
    ("CLOSE_WAIT", "LAST_ACK"): FIN,
}
RECEIVES = {
    ("SYN_SENT", "ESTABLISHED"): SYN,
    ("SYN_SENT", "SYN_RECV"): SYN,
    ("LISTEN", "SYN_RECV"): ACK,
    ("SYN_RECV", "ESTABLISHED"): ACK,
    ("ESTABLISHED", "CLOSE_WAIT"): FIN,
    ("FIN_WAIT1", "FIN_WAIT2"): ACK,
    ("FIN_WAIT1", "CLOSING"): FIN,
    ("FIN_WAIT1", "TIME_WAIT"): FIN,
    ("FIN_WAIT2", "CLOSE"): ACK,
    ("FIN_WAIT1", "CLOSE"): ACK,
    ("CLOSING", "CLOSE"): ACK,
    ("LAST_ACK", "CLOSE"): ACK,
}
NOTES = {
    ("LISTEN", "SYN_RECV"): "from the SYN to this ACK the kernel keeps a request, no socket",
    ("FIN_WAIT2", "CLOSE"): "FIN_WAIT2 and TIME_WAIT go on without a socket",
}
NEAR_NS = 1_000_000_000  # further from a change no packet is its cause


@dataclass(frozen=True, slots=True)
class Transition:
    """A change and its packet: `number` of the connection's packets, None where none is its cause.

    `between_ns` from the packet to the change: negative where the packet was sent after it.
    """

    change: Change
    since_ns: int  # from the connection's first packet
    number: int | None
    between_ns: int | None
    note: str

    @property
    def side(self) -> str:
        return self.change.role


@dataclass(frozen=True, slots=True)
class Matched:
    """A connection's transitions in order, and how far `between_ns` may be off at each side."""

    transitions: tuple[Transition, ...] = ()
    error_ns: int = 0
    far_error_ns: int = 0  # at the side that was not captured: 0 where both were
    reason: str = ""


def matched(connection: Connection, states: KernelStates, far: str = "") -> Matched:
    """The changes of both sockets of a TCP connection. `far` is the side away from where packets
    were captured, '' where they were captured at both.
    """
    if states.reason:
        return Matched(reason=states.reason)
    way_ns = _way_ns(connection) if far else 0
    found: list[Transition] = []
    for role in ("client", "server"):
        own = _of_socket(connection, states.changes, role)
        shift_ns = way_ns if role == far else 0
        found += [_transition(connection, one, shift_ns, states.error_ns) for one in own]
    reason = "" if found else "no socket of this connection was seen"
    ordered = tuple(sorted(found, key=lambda one: one.since_ns))
    return Matched(ordered, states.error_ns, way_ns + states.error_ns if far else 0, reason)


def _way_ns(connection: Connection) -> int:
    """From the captured end to the other: half of SYN to SYN-ACK, 0 where they are not there."""
    sent = [one.since_ns for one in connection.segments if one.has(SYN) and not one.has(ACK)]
    back = [one.since_ns for one in connection.segments if one.has(SYN) and one.has(ACK)]
    return max(0, back[0] - sent[-1]) // 2 if sent and back else 0


def _of_socket(connection: Connection, changes: Iterable[Change], role: str) -> list[Change]:
    """Those of the one socket at this side, the nearest in time where its ports came again.

    A close after a shutdown sets the state that is there already: that is no transition.
    """
    ends = (connection.client, connection.server)
    local, remote = ends if role == "client" else ends[::-1]
    known = (one for one in changes if one.role == role and one.before != one.after)
    own = sorted(known, key=lambda one: one.socket)
    sockets = [list(part) for _, part in groupby(own, key=lambda one: one.socket)]
    mine = [
        part for part in sockets if any((one.local, one.remote) == (local, remote) for one in part)
    ]
    return min(mine, key=lambda part: abs(part[0].time_ns - connection.begun_ns), default=[])


def _transition(connection: Connection, change: Change, shift_ns: int, error_ns: int) -> Transition:
    at_ns = change.time_ns - connection.begun_ns
    step = (change.before, change.after)
    cause, seen_ns = _cause(connection.segments, change, at_ns, shift_ns, error_ns)
    between_ns = None if cause is None else seen_ns - cause.since_ns
    number = None if cause is None else cause.number
    return Transition(change, at_ns, number, between_ns, NOTES.get(step, ""))


def _cause(
    segments: Sequence[Segment], change: Change, at_ns: int, shift_ns: int, error_ns: int
) -> tuple[Segment | None, int]:
    """The packet, and the time of the change as the capture would have seen it."""
    step = (change.before, change.after)
    seen_ns = at_ns + (shift_ns if step in SENDS else -shift_ns)
    found = _fitting(segments, step, change.role == "client")
    if not shift_ns:  # else it is not certain on which side of the change its packet is
        found = [one for one in found if _in_order(step, one.since_ns - seen_ns, error_ns)]
    nearest = min(found, key=lambda one: abs(one.since_ns - seen_ns), default=None)
    if nearest is None or abs(nearest.since_ns - seen_ns) > NEAR_NS:
        return None, seen_ns
    return nearest, seen_ns


def _in_order(step: tuple[str, str], after_ns: int, error_ns: int) -> bool:
    """Whether a packet so long after the change can be its cause."""
    if step in SENDS:
        return after_ns >= -error_ns
    return step not in RECEIVES or after_ns <= error_ns


def _fitting(segments: Sequence[Segment], step: tuple[str, str], is_client: bool) -> list[Segment]:
    """Packets that can cause such a change, whenever they came."""
    if step in SENDS:
        return _those(segments, is_client, _with(SENDS[step]))
    resets = [one for one in segments if one.has(RST)]
    if step not in RECEIVES:  # ended at once, by whoever reset
        return resets
    received = _those(segments, not is_client, _with(RECEIVES[step]))
    return [*received, *resets] if step[1] == "CLOSE" else received


def _with(flag: int) -> Callable[[Segment], bool]:
    """ACK stands for a segment that acknowledges and opens nothing."""
    if flag == ACK:
        return lambda one: one.has(ACK) and not one.has(SYN | RST)
    return lambda one: one.has(flag)


def _those(
    segments: Sequence[Segment], from_client: bool, fits: Callable[[Segment], bool]
) -> list[Segment]:
    return [one for one in segments if one.from_client == from_client and fits(one)]
