"""Bytes on the wire by layer: what of a connection's bytes is payload, and what carries it.

The layers are those of decode.Packet; they add up to the wire bytes. `wire` is what the interface
carried: on loopback, and where a network card cuts segments (TSO), a packet may be larger than the
MTU of a real path, and so cost fewer headers than there. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zyphos_lab.packets.connections import Connection, Segment
from zyphos_lab.packets.decode import FIN, RST, SYN

LAYERS = {
    "link": "Ethernet header",
    "ip": "IP header",
    "tcp": "TCP header (UDP: its own)",
    "tcp_options": "TCP options",
    "payload": "payload",
}


@dataclass(frozen=True, slots=True)
class Bytes:
    """Sums over some packets; `by_layer` has the keys of LAYERS."""

    packets: int
    wire_bytes: int
    by_layer: dict[str, int]


def layers(segments: Iterable[Segment]) -> Bytes:
    """The sums over these segments."""
    packets = [one.packet for one in segments]
    return Bytes(
        len(packets),
        sum(one.wire_bytes for one in packets),
        {
            "link": sum(one.link_bytes for one in packets),
            "ip": sum(one.ip_bytes for one in packets),
            "tcp": sum(one.transport_bytes for one in packets),
            "tcp_options": sum(one.option_bytes for one in packets),
            "payload": sum(one.payload_bytes for one in packets),
        },
    )


def phases(connection: Connection) -> dict[str, list[Segment]]:
    """A connection's segments as `setup` (the handshake), `exchange`, `teardown` (from the first
    FIN or RST on). Each segment is in one of them.
    """
    segments = connection.segments
    end = next((i for i, one in enumerate(segments) if one.has(FIN | RST)), len(segments))
    start = next((i for i, one in enumerate(segments[:end]) if one.length), end)
    begun = bool(segments) and segments[0].has(SYN)
    start = start if begun else 0
    return {
        "setup": segments[:start],
        "exchange": segments[start:end],
        "teardown": segments[end:],
    }
