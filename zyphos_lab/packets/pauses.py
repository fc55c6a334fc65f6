"""Why nothing was sent for a while: the cause of each long gap between two segments, where the
packets show it.

A cause is an inference. It is told only where what comes before and after leaves one explanation
of those known here, and never against what the experiment set (`Setting`). Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.packets import marks as m
from zyphos_lab.packets.connections import Connection, Segment
from zyphos_lab.packets.decode import FIN, RST, SYN
from zyphos_lab.units import format_duration

PAUSE_MIN_NS = 200_000
RELEASED_NS = 1_000_000  # what was held back goes out so soon after what it waited for


@dataclass(frozen=True, slots=True)
class Setting:
    """What the trial's experiment set, None where it is not known; `server_port` 0 likewise."""

    client_nodelay: bool | None = None
    server_nodelay: bool | None = None
    message_bytes: int | None = None
    server_port: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """A gap behind segment `after` (an index): how long, and why; '' where that is not known.

    `kind` is a word for it: nagle, delayed_ack, rto, window, probe, close, client, server, ''.
    """

    after: int
    length_ns: int
    kind: str
    cause: str


class _Context:
    """A connection up to a gap."""

    def __init__(self, connection: Connection, names: Sequence[str], setting: Setting) -> None:
        self.segments = connection.segments
        self.connection, self.names, self.setting = connection, names, setting

    def unacknowledged(self, before: int, from_client: bool) -> int:
        """Bytes of one side that the other has not acknowledged, of the segments up to `before`."""
        known = self.segments[: before + 1]
        sent = max((one.end for one in known if one.from_client == from_client), default=0)
        acked = max((one.ack for one in known if one.from_client != from_client), default=0)
        return max(0, sent - acked)

    def last_sent_ns(self, before: int, one: Segment) -> int | None:
        """When what `one` repeats was sent last."""
        sent = [
            earlier.since_ns
            for earlier in self.segments[: before + 1]
            if earlier.from_client == one.from_client and earlier.seq <= one.seq < earlier.end
        ]
        return max(sent, default=None)

    def window_closed(self, before: int, of_client: bool) -> bool:
        known = [one for one in self.segments[: before + 1] if one.from_client == of_client]
        return bool(known) and known[-1].window_bytes == 0

    def held(self, index: int) -> Segment | None:
        """The small segment that goes out because the ACK at `index` has come."""
        released, ack = self.segments[index + 1 : index + 2], self.segments[index]
        if not released or released[0].from_client == ack.from_client:
            return None
        one = released[0]
        small = 0 < one.length < (self.connection.mss(one.from_client) or 536)
        at_once = one.since_ns - ack.since_ns <= RELEASED_NS
        return one if small and at_once and not self.names[index + 1] else None

    def nodelay(self, from_client: bool) -> bool | None:
        setting = self.setting
        return setting.client_nodelay if from_client else setting.server_nodelay


def pauses(
    connection: Connection, names: Sequence[str], setting: Setting | None = None
) -> list[Pause]:
    """Every gap of at least PAUSE_MIN_NS; `names` are the segments' marks. Cost: quadratic in the
    segments before a gap, so give it what is drawn.
    """
    known = _Context(connection, names, setting or Setting())
    found = []
    for index in range(len(connection.segments) - 1):
        gap_ns = connection.segments[index + 1].since_ns - connection.segments[index].since_ns
        if gap_ns >= PAUSE_MIN_NS:
            found.append(Pause(index, gap_ns, *_why(known, index)))
    return found


def _why(known: _Context, index: int) -> tuple[str, str]:
    """(kind, cause) of the gap behind `index`."""
    one, name = known.segments[index + 1], known.names[index + 1]
    if name in (m.RETRANSMISSION, m.FAST_RETRANSMISSION):
        return _repeated(known, index, one, name)
    if name == m.PROBE:
        closed = known.window_closed(index, not one.from_client)
        return "probe", f"{'zero-window' if closed else 'keepalive'} probe timer of the {_who(one)}"
    closed = known.window_closed(index, one.from_client)
    if name == m.DELAYED_ACK or (name == m.ZERO_WINDOW and not closed):
        return _delayed(known, index)
    if closed or name == m.WINDOW_UPDATE:
        return "window", f"the {_who(one)} does not read: its window is full"
    return _sent(known, index, one)


def _sent(known: _Context, index: int, one: Segment) -> tuple[str, str]:
    """Of a segment that nothing remarkable is about: who decided that it was sent now."""
    if one.has(SYN) and not one.from_client:
        return "", "the round trip of the handshake"
    if one.has(FIN | RST):
        return "close", f"until the {_who(one)} closes"
    return _application(known, index, one)


def _repeated(known: _Context, index: int, one: Segment, name: str) -> tuple[str, str]:
    if name == m.FAST_RETRANSMISSION:
        return "rto", f"{m.FAST_DUPLICATES} duplicate ACKs"
    sent_ns = known.last_sent_ns(index, one)
    timer = "SYN timer" if one.has(SYN) else "retransmission timer (RTO)"
    quiet_ns = one.since_ns - known.segments[index].since_ns
    since_ns = quiet_ns if sent_ns is None else one.since_ns - sent_ns
    # Where something else was sent meanwhile, the timer ran longer than the pause.
    length = f": {format_duration(since_ns)}" if since_ns > quiet_ns else ""
    return "rto", f"{timer} of the {_who(one)}{length}"


def _delayed(known: _Context, index: int) -> tuple[str, str]:
    """The receiver waits for something to send along; Nagle's sender waits for the receiver."""
    ack = known.segments[index + 1]
    timer = f"delayed-ACK timer of the {_who(ack)}"
    held = known.held(index + 1)
    if held is None or not known.unacknowledged(index, held.from_client):
        return "delayed_ack", timer
    if known.nodelay(held.from_client):
        return "delayed_ack", f"{timer}; {held.length} B of the {_who(held)} go out after it"
    who, other = _who(held), _who(ack)
    return "nagle", f"Nagle holds the {who}'s {held.length} B until the ACK; the {other} delays it"


def _application(known: _Context, index: int, one: Segment) -> tuple[str, str]:
    """Nothing of TCP's is outstanding: whoever goes on did not want to earlier."""
    if not one.length or known.unacknowledged(index, one.from_client):
        return "", ""
    return _who(one), f"the {_who(one)}'s application is silent"


def _who(one: Segment) -> str:
    return "client" if one.from_client else "server"
