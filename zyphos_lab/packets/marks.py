"""What is remarkable about each segment of a TCP connection, by name, from the packets alone.

Seen where the capture stood: what was lost before it is not there, what was lost behind it is.
Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from zyphos_lab.packets.connections import Segment
from zyphos_lab.packets.decode import ACK, FIN, RST, SYN

RETRANSMISSION = "retransmission"
FAST_RETRANSMISSION = "fast retransmission"
DUPLICATE_ACK = "duplicate ACK"
PROBE = "probe"  # one byte, or none, that was acknowledged before: keepalive or zero-window probe
ZERO_WINDOW = "zero window"
WINDOW_UPDATE = "window update"
DELAYED_ACK = "delayed ACK"
RESET = "reset"

FAST_DUPLICATES = 3  # RFC 5681, 3.2
# Linux delays an ACK by 40 ms at least (TCP_DELACK_MIN, HZ/25), others by up to 500 ms. What comes
# later than half of that, and does not carry data, was not sent because data had come.
DELAYED_MIN_NS = 20_000_000


@dataclass(slots=True)
class _Side:
    """What is known of what one side sent."""

    end: int = 0  # the highest sequence number sent, plus one
    acked: int = 0  # of the other side's
    window: int | None = None
    duplicates: int = 0
    spoke: bool = False
    sent_ns: dict[int, int] = field(default_factory=dict)  # a segment's end -> when first sent


def marks(segments: Sequence[Segment]) -> list[str]:
    """One name per segment, '' where nothing is remarkable. Without UDP's: all ''."""
    sides = {True: _Side(), False: _Side()}
    found = []
    for one in segments:
        own, other = sides[one.from_client], sides[not one.from_client]
        found.append(_mark(one, own, other) if one.packet.protocol == "tcp" else "")
        _learn(one, own)
    return found


def round_trip_ns(segments: Sequence[Segment]) -> int:
    """From the client's SYN to the answer, 0 where it was not captured."""
    syn = next((one for one in segments if one.from_client and one.has(SYN)), None)
    answer = next((one for one in segments if not one.from_client and one.has(SYN)), None)
    return answer.since_ns - syn.since_ns if syn and answer else 0


def _mark(one: Segment, own: _Side, other: _Side) -> str:
    if one.has(RST):
        return RESET
    if own.spoke and one.end > one.seq and one.seq < own.end:
        return _again(one, own, other)
    if _is_probe(one, own):
        return PROBE
    if one.has(SYN):
        return ""
    if one.window_bytes == 0:
        return ZERO_WINDOW
    return _bare(one, own, other) if one.end == one.seq and one.has(ACK) else ""


def _again(one: Segment, own: _Side, other: _Side) -> str:
    if one.length <= 1 and not one.has(SYN | FIN) and one.end <= other.acked:
        return PROBE
    return FAST_RETRANSMISSION if other.duplicates >= FAST_DUPLICATES else RETRANSMISSION


def _is_probe(one: Segment, own: _Side) -> bool:
    """No data, and a number before the next: RFC 9293, 3.8.4 and 3.8.6.1."""
    return own.spoke and one.end == one.seq and one.seq == own.end - 1 and not one.has(SYN)


def _bare(one: Segment, own: _Side, other: _Side) -> str:
    """A segment that only acknowledges."""
    if one.ack == own.acked and own.spoke:
        if one.window_bytes != own.window:
            return WINDOW_UPDATE
        return DUPLICATE_ACK if other.end > one.ack else ""
    since_ns = other.sent_ns.get(one.ack)
    late = since_ns is not None and one.since_ns - since_ns >= DELAYED_MIN_NS
    return DELAYED_ACK if late else ""


def _learn(one: Segment, own: _Side) -> None:
    again = one.has(ACK) and own.spoke and one.ack == own.acked and one.end == one.seq
    own.duplicates = own.duplicates + 1 if again and one.window_bytes == own.window else 0
    own.acked = max(own.acked, one.ack)
    own.window = one.window_bytes
    if one.end > one.seq:
        own.sent_ns[one.end] = one.since_ns  # the last time: an ACK is late from then on
    own.end = max(own.end, one.end)
    own.spoke = True
