"""A ladder for the terminal: time, the client's side, arrows, the server's side.

Fits widths from 60 columns on. It knows no colours. Pure functions.
"""

from __future__ import annotations

import textwrap

from zyphos_lab.packets.ladder import Ladder, Row, between_text
from zyphos_lab.packets.tls import TlsBytes
from zyphos_lab.packets.transitions import Matched
from zyphos_lab.units import format_duration

WIDTH_MIN, WIDTH_MAX = 60, 200
TIME = 10  # columns of the time
STATE = 12


def text(ladder: Ladder, width: int) -> str:
    """The ladder in at most `width` columns (60 at least, 200 at most)."""
    width = max(WIDTH_MIN, min(width, WIDTH_MAX))
    lines = textwrap.wrap(ladder.title, width) if ladder.title else []
    lines += textwrap.wrap(ladder.heading, width)
    lines.append(_sides("time", "client", "", "server", width))
    for row in ladder.rows:
        if row.left_out:
            lines.append(_sides("", "", _left_out(row.left_out), "", width))
        lines += _row(row, width)
        if row.pause is not None:
            lines += _pause(row, width)
    if ladder.left_out_after:
        lines.append(_sides("", "", _left_out(ladder.left_out_after), "", width))
    return "\n".join(line.rstrip() for line in lines)


def moment(since_ns: int) -> str:
    """A time since the connection's beginning, in ms."""
    return f"{since_ns / 1e6:.3f}"


def _left_out(count: int) -> str:
    return f"... {count} packet{'s' if count > 1 else ''} not shown ..."


def _inner(width: int) -> int:
    """Columns between the two lifelines."""
    return width - TIME - 2 * STATE - 4


def _sides(time: str, client: str, middle: str, server: str, width: int) -> str:
    inner = _inner(width)
    return f"{time:>{TIME}} {client:>{STATE}}|{middle:^{inner}.{inner}}|{server:<{STATE}}"


def _row(row: Row, width: int) -> list[str]:
    """The words above their arrow, as many lines as they need."""
    inner = _inner(width)
    words = f"{row.title} [{row.mark.upper()}]" if row.mark else row.title
    lines = textwrap.wrap(words, inner - 2) + textwrap.wrap(row.detail, inner - 2)
    shaft = "-" * (inner - 2)
    arrow = f"{shaft}> " if row.segment.from_client else f" <{shaft}"
    found = [_sides("", "", line, "", width) for line in lines]
    found.append(_sides(moment(row.segment.since_ns), row.client, arrow, row.server, width))
    if row.client_kernel or row.server_kernel:
        found.append(_sides("", row.client_kernel, "", row.server_kernel, width))
    return found


def transitions(kernel: Matched) -> list[str]:
    """The table of the kernel's transitions: packet, side, change, time, from the packet to it."""
    if kernel.reason:
        return [f"the kernel's states: none: {kernel.reason}"]
    lines = [f"{'packet':>6}  {'side':<6}  {'transition':<24}  {'time, ms':>10}  after the packet"]
    for one in kernel.transitions:
        number = "-" if one.number is None else str(one.number)
        step = f"{one.change.before} -> {one.change.after}"
        note = f"  ({one.note})" if one.note else ""
        lines.append(
            f"{number:>6}  {one.side:<6}  {step:<24}  {moment(one.since_ns):>10}  "
            f"{between_text(one)}{note}"
        )
    return [*lines, _uncertainty(kernel)]


def tls_line(found: TlsBytes | None) -> list[str]:
    """What of a connection's bytes is TLS's; nothing where it is none."""
    if found is None:
        return []
    if found.reason:
        return [f"{found.version}: not told: {found.reason}"]
    parts = (
        ("record headers", found.header_bytes), ("handshake", found.handshake_bytes),
        ("tags and nonces", found.overhead_bytes), ("alerts", found.alert_bytes),
        ("application data", found.application_bytes),
    )  # fmt: skip
    told = ", ".join(f"{name} {count} B" for name, count in parts)
    return [f"{found.version}, {found.records} records: {told}"]


def _uncertainty(kernel: Matched) -> str:
    near = f"clocks agree within {format_duration(kernel.error_ns)}"
    if not kernel.far_error_ns:
        return near
    far = format_duration(kernel.far_error_ns)
    return f"{near}; at the far end, half a round trip away from the capture, within {far}"


def _pause(row: Row, width: int) -> list[str]:
    assert row.pause is not None
    length = format_duration(row.pause.length_ns)
    words = f"~ {length}: {row.pause.cause} ~" if row.pause.cause else f"~ {length} ~"
    lines = textwrap.wrap(words, _inner(width) - 2)
    return [_sides("~", "", line, "", width) for line in lines]
