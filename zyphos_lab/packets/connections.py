"""Packets put together into connections: who is client and server, relative sequence numbers,
scaled windows.

It explains nothing: marks.py, pauses.py and states.py do. Pure functions; segments keep the order
of the capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zyphos_lab.packets import decode
from zyphos_lab.packets.decode import ACK, FIN, SYN, Packet
from zyphos_lab.packets.frames import Frame

SEQUENCE = 1 << 32
Ends = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """A packet as one connection sees it. `seq` and `ack` count from each side's first number, as
    in Wireshark; `since_ns` from the connection's first packet. `window_bytes` is None where the
    scale is not known (the handshake was not captured).
    """

    packet: Packet
    number: int  # of the connection's packets, from 1
    from_client: bool
    since_ns: int
    seq: int
    ack: int
    window_bytes: int | None

    @property
    def length(self) -> int:
        return self.packet.payload_bytes

    @property
    def end(self) -> int:
        """The sequence number after it: SYN and FIN count one (RFC 9293, 3.4)."""
        return self.seq + self.length + self.packet.has(SYN) + self.packet.has(FIN)

    def has(self, flag: int) -> bool:
        return self.packet.has(flag)


@dataclass(slots=True)
class Connection:
    """One connection (or, UDP, one flow): `client` and `server` are (address, port)."""

    number: int
    protocol: str
    client: Ends
    server: Ends
    segments: list[Segment] = field(default_factory=list)

    @property
    def begun_ns(self) -> int:
        """The wall clock at its first packet."""
        return self.segments[0].packet.time_ns

    @property
    def has_handshake(self) -> bool:
        first = self.segments[0]
        return first.from_client and first.has(SYN) and not first.has(ACK)

    def mss(self, from_client: bool) -> int | None:
        """The largest segment that this side may send: what the other announced."""
        told = (one.packet.options.mss for one in self.segments if one.from_client != from_client)
        return next((mss for mss in told if mss is not None), None)


class _Open:
    """A connection that is being put together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._base: dict[bool, int] = {}
        self._scale: dict[bool, int | None] = {}

    def add(self, packet: Packet) -> None:
        found = self.connection
        from_client = (packet.source, packet.source_port) == found.client
        if packet.protocol == "tcp":
            self._learn(packet, from_client)
        begun_ns = found.segments[0].packet.time_ns if found.segments else packet.time_ns
        found.segments.append(
            Segment(
                packet,
                len(found.segments) + 1,
                from_client,
                packet.time_ns - begun_ns,
                self._relative(packet.seq, from_client),
                self._relative(packet.ack, not from_client) if packet.has(ACK) else 0,
                self._window(packet, from_client),
            )
        )

    def _learn(self, packet: Packet, from_client: bool) -> None:
        """A side's first number is that of its SYN, or one before what is seen first."""
        if packet.has(SYN):
            self._base[from_client] = packet.seq
            self._scale[from_client] = packet.options.window_scale
        self._base.setdefault(from_client, packet.seq - 1)
        if packet.has(ACK):
            self._base.setdefault(not from_client, packet.ack - 1)

    def _relative(self, number: int, from_client: bool) -> int:
        """Modulo 2^32, and a little before the base is negative."""
        distance = (number - self._base.get(from_client, number)) % SEQUENCE
        return distance - SEQUENCE if distance > SEQUENCE - (1 << 16) else distance

    def _window(self, packet: Packet, from_client: bool) -> int | None:
        if packet.has(SYN) or packet.window == 0:
            return packet.window  # a SYN's is never scaled (RFC 7323, 2.2)
        if from_client not in self._scale:
            return None
        both = None not in (self._scale.get(True), self._scale.get(False))
        return packet.window << (self._scale[from_client] or 0 if both else 0)


def connections(packets: Iterable[Packet], server_port: int = 0) -> list[Connection]:
    """All connections in the order of their first packets, numbered from 1.

    `server_port` tells the sides apart where no SYN does. A SYN with another number on the same
    addresses begins a new connection.
    """
    found: list[Connection] = []
    now: dict[frozenset[Ends], _Open] = {}
    for packet in packets:
        ends = frozenset({(packet.source, packet.source_port), _to(packet)})
        known = now.get(ends)
        if known is None or _begins_anew(packet, known.connection):
            client, server = _sides(packet, server_port)
            made = Connection(len(found) + 1, packet.protocol, client, server)
            found.append(made)
            known = now[ends] = _Open(made)
        known.add(packet)
    return found


def _to(packet: Packet) -> Ends:
    return packet.destination, packet.destination_port


def _begins_anew(packet: Packet, known: Connection) -> bool:
    if packet.protocol != "tcp" or not packet.has(SYN) or packet.has(ACK):
        return False
    return all(one.packet.seq != packet.seq for one in known.segments if one.has(SYN))


def _sides(packet: Packet, server_port: int) -> tuple[Ends, Ends]:
    source, destination = (packet.source, packet.source_port), _to(packet)
    if packet.has(SYN):
        backwards = packet.has(ACK)
    elif server_port in (packet.source_port, packet.destination_port):
        backwards = packet.source_port == server_port
    else:
        backwards = packet.source_port < packet.destination_port
    return (destination, source) if backwards else (source, destination)


def of_frames(frames: Iterable[Frame], server_port: int = 0) -> list[Connection]:
    """The connections of captured frames; what is neither TCP nor UDP is left out."""
    decoded = (decode.packet(frame) for frame in frames)
    return connections((one for one in decoded if one is not None), server_port)


def segments(found: Sequence[Connection]) -> list[Segment]:
    """Those of all connections."""
    return [segment for one in found for segment in one.segments]
