"""One packet from its bytes: Ethernet or bare IP, IPv4 or IPv6, TCP or UDP.

Sizes are those on the wire as the headers tell them, so that a packet of which only the head was
kept counts whole. It knows no connections. Pure functions.

Sources: RFC 791, 8200, 9293 (TCP and its options), 7323 (window scale, timestamps), 2018 (SACK),
768, IEEE 802.3. Not followed: IP fragments behind the first, IPv6 extension headers.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from zyphos_lab.packets.frames import Frame

ETHERNET, RAW = 1, 101
IPV4, IPV6, VLAN = 0x0800, 0x86DD, 0x8100
TCP, UDP = 6, 17
ETHERNET_BYTES, IPV6_BYTES, TCP_BYTES, UDP_BYTES = 14, 40, 20, 8
FRAGMENT_OFFSET = 0x1FFF

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
FLAG_NAMES = {SYN: "SYN", FIN: "FIN", RST: "RST", PSH: "PSH", ACK: "ACK", URG: "URG", ECE: "ECE",
              CWR: "CWR"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """TCP options that were there; None where one was not. SACK blocks are (left, right)."""

    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    timestamp: tuple[int, int] | None = None  # (value, echo)


@dataclass(frozen=True, slots=True)
class Packet:
    """A TCP segment or UDP datagram. The five sizes add up to `wire_bytes` (but for padding that
    Ethernet adds to short frames, which belongs to `link_bytes`).

    `payload` is what was kept of it. Without TCP, `flags`, `seq`, `ack` and `window` are 0.
    """

    time_ns: int
    protocol: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    wire_bytes: int
    link_bytes: int
    ip_bytes: int
    transport_bytes: int
    option_bytes: int
    payload_bytes: int
    payload: bytes
    flags: int = 0
    seq: int = 0
    ack: int = 0
    window: int = 0
    options: Options = field(default_factory=Options)

    def has(self, flag: int) -> bool:
        return bool(self.flags & flag)

    @property
    def flag_names(self) -> tuple[str, ...]:
        """In the order in which people say them: SYN, ACK."""
        return tuple(name for bit, name in FLAG_NAMES.items() if self.flags & bit)


@dataclass(frozen=True, slots=True)
class _Network:
    source: str
    destination: str
    protocol: int
    header_bytes: int
    total_bytes: int  # with the header; 0: not told (larger than the field allows)


def packet(frame: Frame) -> Packet | None:
    """The packet of a frame; None for what is neither TCP nor UDP, or is cut too short."""
    try:
        link_bytes, kind = _link(frame)
        rest = frame.data[link_bytes:]
        network = _ipv4(rest) if kind == IPV4 else _ipv6(rest) if kind == IPV6 else None
        if network is None:
            return None
        return _transport(frame, link_bytes, network, rest[network.header_bytes :])
    except (struct.error, IndexError):
        return None


def _link(frame: Frame) -> tuple[int, int]:
    """(bytes of the link header, ethertype)."""
    if frame.link_type == RAW:
        return 0, IPV4 if frame.data[0] >> 4 == 4 else IPV6
    if frame.link_type != ETHERNET:
        return 0, 0
    (kind,) = struct.unpack_from("!H", frame.data, 12)
    if kind == VLAN:
        return ETHERNET_BYTES + 4, struct.unpack_from("!H", frame.data, 16)[0]
    return ETHERNET_BYTES, kind


def _ipv4(data: bytes) -> _Network | None:
    first, _, total, _, fragment = struct.unpack_from("!BBHHH", data)
    source, destination = struct.unpack_from("!4s4s", data, 12)
    if fragment & FRAGMENT_OFFSET:
        return None
    return _Network(_address(source), _address(destination), data[9], (first & 15) * 4, total)


def _ipv6(data: bytes) -> _Network:
    length, following = struct.unpack_from("!HB", data, 4)
    source, destination = struct.unpack_from("!16s16s", data, 8)
    total = length + IPV6_BYTES if length else 0
    return _Network(_address(source), _address(destination), following, IPV6_BYTES, total)


def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))


def _transport(frame: Frame, link_bytes: int, network: _Network, data: bytes) -> Packet | None:
    ip_total = network.total_bytes or frame.wire_bytes - link_bytes
    left = ip_total - network.header_bytes
    source_port, destination_port = struct.unpack_from("!HH", data)
    common = {
        "time_ns": frame.time_ns,
        "source": network.source,
        "source_port": source_port,
        "destination": network.destination,
        "destination_port": destination_port,
        "wire_bytes": frame.wire_bytes,
        "link_bytes": frame.wire_bytes - ip_total,
        "ip_bytes": network.header_bytes,
    }
    if network.protocol == UDP:
        payload = data[UDP_BYTES:left]
        return Packet(**common, protocol="udp", transport_bytes=UDP_BYTES, option_bytes=0,
                      payload_bytes=left - UDP_BYTES, payload=payload)  # fmt: skip
    if network.protocol != TCP:
        return None
    seq, ack, offset, flags, window = struct.unpack_from("!IIBBH", data, 4)
    header_bytes = (offset >> 4) * 4
    return Packet(
        **common,
        protocol="tcp",
        transport_bytes=TCP_BYTES,
        option_bytes=header_bytes - TCP_BYTES,
        payload_bytes=left - header_bytes,
        payload=data[header_bytes:left],
        flags=flags,
        seq=seq,
        ack=ack,
        window=window,
        options=_options(data[TCP_BYTES:header_bytes]),
    )


def _options(data: bytes) -> Options:
    found = dict(_each_option(data))
    scale, mss, stamp = found.get(3), found.get(2), found.get(8)
    blocks = found.get(5, b"")
    return Options(
        mss=int.from_bytes(mss, "big") if mss else None,
        window_scale=scale[0] if scale else None,
        sack_permitted=4 in found,
        sack=tuple(struct.iter_unpack("!II", blocks[: len(blocks) // 8 * 8])),
        timestamp=struct.unpack("!II", stamp) if stamp and len(stamp) == 8 else None,
    )


def _each_option(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and value of each option; a torn list ends it (RFC 9293, 3.1)."""
    at = 0
    while at < len(data) and data[at] != 0:
        if data[at] == 1:
            at += 1
            continue
        size = data[at + 1] if at + 1 < len(data) else 0
        if size < 2 or at + size > len(data):
            return
        yield data[at], data[at + 2 : at + size]
        at += size
