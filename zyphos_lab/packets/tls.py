"""TLS's part of a connection's bytes: record headers, handshake, tags, and what is left for data.

Read from the records alone (RFC 8446, 5; RFC 5246, 6.2), without keys. So of TLS 1.3, which
encrypts most of its handshake as application data, this is inferred: the server's encrypted records
up to the client's first one are its handshake, and that first one is the client's Finished (a
client's certificate would be taken for data, early data for a part of it); tickets after the
handshake count as data, and so does padding. The parts add up to the bytes of the stream. It knows
no packets but their order. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zyphos_lab.packets.connections import Connection, Segment

HEADER = 5
CHANGE_CIPHER, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
SERVER_HELLO, SUPPORTED_VERSIONS = 2, 43
TLS12, TLS13 = 0x0303, 0x0304
VERSIONS = {0x0301: "TLS 1.0", 0x0302: "TLS 1.1", TLS12: "TLS 1.2", TLS13: "TLS 1.3"}
TAG, SHORT_TAG, EXPLICIT_NONCE, INNER_TYPE = 16, 8, 8, 1
SHORT = {0x1305}  # TLS_AES_128_CCM_8_SHA256
# AEAD suites of TLS 1.2 by IANA's numbers: GCM (RFC 5288, 5289) and ChaCha20-Poly1305 (RFC 7905).
GCM = {*range(0x009C, 0x00A8), *range(0xC02B, 0xC033)}
CHACHA = set(range(0xCCA8, 0xCCAF))


@dataclass(frozen=True, slots=True)
class TlsBytes:
    """Sums over both directions. `overhead_bytes` is tags, nonces and inner content types; `reason`
    says why the parts are not known, when they are 0.
    """

    version: str
    records: int
    header_bytes: int = 0
    handshake_bytes: int = 0
    overhead_bytes: int = 0
    alert_bytes: int = 0
    application_bytes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    length: int  # behind the header
    body: bytes  # what was kept of it, from its beginning
    from_client: bool
    at_ns: int  # when its first byte was captured


@dataclass(frozen=True, slots=True)
class Part:
    """A record's bytes by what they are: `at_ns` (since the connection's first packet) its first
    byte was captured; `kind` is HANDSHAKE (what changes the cipher too), ALERT or DATA.
    """

    at_ns: int
    kind: int
    overhead_bytes: int
    content_bytes: int


class _TornError(Exception):
    """Bytes that would be needed were not captured, those of `at_ns` and later."""

    def __init__(self, message: str, at_ns: int = 0) -> None:
        super().__init__(message)
        self.at_ns = at_ns


def tls_bytes(connection: Connection) -> TlsBytes | None:
    """None where the connection does not begin with a TLS handshake."""
    if not begins(connection):
        return None
    found = _Stream(connection)
    if found.torn is not None:
        return TlsBytes("TLS", 0, reason=str(found.torn))
    return _sums(found.parts, VERSIONS.get(found.version, "TLS"))


def parts_between(connection: Connection, begin_ns: int, end_ns: int) -> list[Part] | str:
    """The records that begin in this time (since the connection's first packet), or why they are
    not known. Of a connection that begins with a TLS handshake.
    """
    found = _Stream(connection)
    if found.torn is not None and found.torn.at_ns < end_ns:
        return str(found.torn)
    return [one for one in found.parts if begin_ns <= one.at_ns < end_ns]


def begins(connection: Connection) -> bool:
    """Whether it begins with a TLS handshake."""
    if connection.protocol != "tcp":
        return False
    first = next((one for one in connection.segments if one.length), None)
    head = b"" if first is None else first.packet.payload[:3]
    return len(head) == 3 and head[0] == HANDSHAKE and head[1] == 3


class _Stream:
    """Both directions' records up to where one is torn, in the order of their first bytes."""

    def __init__(self, connection: Connection) -> None:
        self.torn: _TornError | None = None
        self.version = 0
        self.parts: list[Part] = []
        records: list[_Record] = []
        for from_client in (True, False):
            try:
                for one in _records(connection, from_client):
                    records.append(one)
            except _TornError as torn:
                if self.torn is None or torn.at_ns < self.torn.at_ns:
                    self.torn = torn
        records.sort(key=lambda one: one.at_ns)
        try:
            self.version, suite = _hello(records)
            self.parts = list(_parts(records, self.version, suite))
        except _TornError as unknown:  # what was torn before is the better reason
            self.torn = _TornError(str(self.torn or unknown))


def _records(connection: Connection, from_client: bool) -> Iterator[_Record]:
    own = [one for one in connection.segments if one.from_client == from_client and one.length]
    data, known, times = _stream(own)
    at = 0
    while at < len(data):
        begun_ns = next(time_ns for reached, time_ns in times if at < reached)
        kind, length = _header(data[at : at + HEADER], known[at : at + HEADER], begun_ns)
        end = at + HEADER + length
        if end > len(data):
            raise _TornError("the capture ends within a record", begun_ns)
        body = bytes(data[at + HEADER : end])
        kept = known[at + HEADER : end].find(0)
        yield _Record(kind, length, body[: kept if kept >= 0 else length], from_client, begun_ns)
        at = end


def _header(data: bytearray, known: bytearray, begun_ns: int) -> tuple[int, int]:
    """(content type, length) of a record."""
    if known != b"\1" * HEADER:
        missing = "a record's header was not captured: keep more of each packet (snap_bytes)"
        raise _TornError(missing, begun_ns)
    if data[0] not in (CHANGE_CIPHER, ALERT, HANDSHAKE, DATA):
        raise _TornError(f"a record is of a type that is none: {data[0]}", begun_ns)
    return data[0], int.from_bytes(data[3:HEADER], "big")


def _stream(own: Sequence[Segment]) -> tuple[bytearray, bytearray, list[tuple[int, int]]]:
    """The bytes, which of them were kept, and (offset behind it, time) of each new segment."""
    size = max((one.seq + one.length for one in own), default=1) - 1
    data, known, times = bytearray(size), bytearray(size), []
    reached = 0
    for one in own:
        start, payload = one.seq - 1, one.packet.payload[: one.length]
        if start < 0:
            continue
        data[start : start + len(payload)] = payload
        known[start : start + len(payload)] = b"\1" * len(payload)
        if start + one.length > reached:
            reached = start + one.length
            times.append((reached, one.since_ns))
    return data, known, times


def _hello(records: Sequence[_Record]) -> tuple[int, int]:
    """(version, cipher suite) of the last ServerHello; (0, 0) without one."""
    hellos = [
        one.body
        for one in records
        if one.kind == HANDSHAKE and not one.from_client and one.body[:1] == bytes([SERVER_HELLO])
    ]
    if not hellos:
        return 0, 0
    body = hellos[-1]
    try:
        version = int.from_bytes(body[4:6], "big")
        at = 38 + 1 + body[38]
        suite, at = int.from_bytes(body[at : at + 2], "big"), at + 3
        end = at + 2 + int.from_bytes(body[at : at + 2], "big")
        at += 2
        while at + 4 <= min(end, len(body)):
            kind, size = (int.from_bytes(body[at + i : at + i + 2], "big") for i in (0, 2))
            if kind == SUPPORTED_VERSIONS:
                version = int.from_bytes(body[at + 4 : at + 6], "big")
            at += 4 + size
    except IndexError:
        raise _TornError("the ServerHello was not captured: keep more of each packet") from None
    return version, suite


def _overhead(version: int, suite: int, encrypted: bool) -> int:
    """Bytes that an encrypted record adds to its content."""
    if not encrypted:
        return 0
    if version == TLS13:
        return (SHORT_TAG if suite in SHORT else TAG) + INNER_TYPE
    if suite in GCM:
        return EXPLICIT_NONCE + TAG
    if suite in CHACHA:
        return TAG
    raise _TornError(f"cipher suite 0x{suite:04X}: what it adds to a record is not known here")


def _parts(records: Sequence[_Record], version: int, suite: int) -> Iterator[Part]:
    for one, kind, encrypted in _kinds(records, version):
        own = min(one.length, _overhead(version, suite, encrypted))
        kind = HANDSHAKE if kind == CHANGE_CIPHER else kind
        yield Part(one.at_ns, kind, own, one.length - own)


def _sums(parts: Sequence[Part], version: str) -> TlsBytes:
    found = {ALERT: 0, HANDSHAKE: 0, DATA: 0}
    for one in parts:
        found[one.kind] += one.content_bytes
    overhead = sum(one.overhead_bytes for one in parts)
    headers = HEADER * len(parts)
    return TlsBytes(
        version, len(parts), headers, found[HANDSHAKE], overhead, found[ALERT], found[DATA]
    )


def _kinds(records: Sequence[_Record], version: int) -> Iterator[tuple[_Record, int, bool]]:
    """Each record, what it carries, and whether it is encrypted."""
    finished = version != TLS13  # the client's first encrypted record has come
    changed: set[bool] = set()  # of TLS 1.2: sides that encrypt
    for one in records:
        if version == TLS13:
            kind = one.kind
            if kind == DATA and not finished:
                kind, finished = HANDSHAKE, one.from_client
            yield one, kind, one.kind == DATA
            continue
        yield one, one.kind, one.from_client in changed
        if one.kind == CHANGE_CIPHER:
            changed.add(one.from_client)
