"""TLS's part of a captured trial's window as columns: `wire_tls_...`, beside those of columns.py.

A record counts where its first byte was captured within the window, whole and once: what TCP sent
again is in `wire_payload_bytes` alone. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from zyphos_lab.packets import tls
from zyphos_lab.packets.connections import Connection, Segment
from zyphos_lab.record import Row

NAMES = (
    *("wire_tls_bytes", "wire_tls_record_header_bytes", "wire_tls_handshake_bytes"),
    *("wire_tls_overhead_bytes", "wire_tls_alert_bytes", "wire_tls_application_bytes"),
    *("wire_tls_records", "wire_tls_handshake_records", "wire_tls_application_records"),
    "wire_tls_packets",
)


def columns(known: Sequence[Connection], begin_ns: int, end_ns: int) -> tuple[Row, str]:
    """(columns, why they are None). No columns at all where nothing speaks TLS."""
    secure = [one for one in known if tls.begins(one)]
    if not secure:
        return {}, ""
    parts: list[tls.Part] = []
    for one in secure:
        found = tls.parts_between(one, begin_ns - one.begun_ns, end_ns - one.begun_ns)
        if isinstance(found, str):
            return dict.fromkeys(NAMES), f"connection {one.number}: {found}"
        parts += found
    inside = [one for every in secure for one in every.segments
              if begin_ns <= one.packet.time_ns < end_ns]  # fmt: skip
    return _sums(parts, inside), ""


def _sums(parts: Sequence[tls.Part], inside: Sequence[Segment]) -> Row:
    content = dict.fromkeys((tls.HANDSHAKE, tls.ALERT, tls.DATA), 0)
    records = dict(content)
    for one in parts:
        content[one.kind] += one.content_bytes
        records[one.kind] += 1
    headers = tls.HEADER * len(parts)
    overhead = sum(one.overhead_bytes for one in parts)
    values = (
        *(headers + overhead + sum(content.values()), headers, content[tls.HANDSHAKE]),
        *(overhead, content[tls.ALERT], content[tls.DATA]),
        *(len(parts), records[tls.HANDSHAKE], records[tls.DATA]),
        sum(bool(one.length) for one in inside),
    )
    return dict(zip(NAMES, values, strict=True))
