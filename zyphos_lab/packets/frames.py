"""Reads pcapng files: every packet with its time, as the capture wrote it.

Knows blocks and options (draft-ietf-opsawg-pcapng), nothing of what is in a packet. Sections of
either byte order and several interfaces are read; blocks that it does not know are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zyphos_lab.errors import StoreError

SECTION, INTERFACE, STATISTICS, ENHANCED = 0x0A0D0D0A, 1, 5, 6
BYTE_ORDER = 0x1A2B3C4D
COMMENT, NAME, RESOLUTION, FILTER, DROPPED = 1, 2, 9, 11, 5
FLAGS, DIRECTION, OUTBOUND = 2, 3, 2
BLOCK_MIN_BYTES = 12


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet: `time_ns` since 1970, `data` what was kept of its `wire_bytes`."""

    time_ns: int
    link_type: int
    wire_bytes: int
    data: bytes
    outgoing: bool = False


@dataclass(slots=True)
class Capture:
    """A whole file. `dropped`: packets that the capture missed, None where it does not say."""

    frames: list[Frame] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    comment: str = ""
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class _Interface:
    link_type: int
    units_per_second: int


def read(path: Path) -> Capture:
    """The capture in `path`. StoreError, one line, where it cannot be read or is damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return parse(data)
    except (ValueError, struct.error, IndexError) as error:
        raise StoreError(f"{path}: is no whole pcapng file: {error}") from error


def parse(data: bytes) -> Capture:
    """The same from memory. ValueError, struct.error or IndexError where it is damaged."""
    capture = Capture()
    interfaces: list[_Interface] = []
    order = "<"
    for order, kind, body in _blocks(data):
        if kind == SECTION:
            interfaces = []
            capture.comment = _text(_options(body[16:], order).get(COMMENT, b""))
        elif kind == INTERFACE:
            interfaces.append(_interface(body, order, capture))
        elif kind == ENHANCED:
            capture.frames.append(_frame(body, order, interfaces))
        elif kind == STATISTICS:
            found = _options(body[12:], order).get(DROPPED)
            if found:
                capture.dropped = (capture.dropped or 0) + struct.unpack(order + "Q", found)[0]
    return capture


def _blocks(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(byte order, type, body) of each block."""
    if data[:4] != struct.pack("<I", SECTION):
        raise ValueError("it does not begin with a section header")
    at, order = 0, "<"
    while at < len(data):
        if data[at : at + 4] == struct.pack("<I", SECTION):
            order = _order(data[at + 8 : at + 12])
        kind, size = struct.unpack_from(order + "II", data, at)
        whole = BLOCK_MIN_BYTES <= size <= len(data) - at and size % 4 == 0
        if not whole or struct.unpack_from(order + "I", data, at + size - 4)[0] != size:
            raise ValueError(f"the block at byte {at} is torn or damaged")
        yield order, kind, data[at + 8 : at + size - 4]
        at += size


def _order(mark: bytes) -> str:
    for order in "<>":
        if mark == struct.pack(order + "I", BYTE_ORDER):
            return order
    raise ValueError("its byte order cannot be told")


def _options(data: bytes, order: str) -> dict[int, bytes]:
    """Code to value; of a repeated code the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        if at + 4 + size > len(data):
            raise ValueError("an option is longer than its block")
        found[code] = data[at + 4 : at + 4 + size]
        at += 4 + size + (-size) % 4
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _interface(body: bytes, order: str, capture: Capture) -> _Interface:
    (link_type,) = struct.unpack_from(order + "H", body)
    options = _options(body[8:], order)
    capture.interfaces.append(_text(options.get(NAME, b"")))
    resolution = options.get(RESOLUTION, b"\x06")[0]
    base = 2 if resolution & 0x80 else 10
    return _Interface(link_type, base ** (resolution & 0x7F))


def _frame(body: bytes, order: str, interfaces: list[_Interface]) -> Frame:
    index, high, low, kept, wire_bytes = struct.unpack_from(order + "IIIII", body)
    interface = interfaces[index]
    if kept > len(body) - 20:
        raise ValueError("a packet is longer than its block")
    time_ns = ((high << 32) | low) * 1_000_000_000 // interface.units_per_second
    options = _options(body[20 + kept + (-kept) % 4 :], order)
    flags = options.get(FLAGS, b"\0\0\0\0")
    outgoing = struct.unpack(order + "I", flags)[0] & DIRECTION == OUTBOUND
    return Frame(time_ns, interface.link_type, wire_bytes, body[20 : 20 + kept], outgoing)
