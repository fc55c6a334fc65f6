"""A connection as rows of a ladder diagram: what svg.py and text.py draw.

Chooses what is shown where there is more than fits, puts packets into words, and joins them with
the marks, pauses and states. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zyphos_lab.packets import marks as m
from zyphos_lab.packets.connections import Connection, Segment
from zyphos_lab.packets.decode import ACK, FIN, RST, SYN
from zyphos_lab.packets.pauses import Pause, Setting, pauses
from zyphos_lab.packets.states import States, states
from zyphos_lab.packets.transitions import Matched, Transition
from zyphos_lab.units import format_duration

ROWS = 40
TAIL = 6  # of ROWS, where the end is shown too
METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"PATCH ", b"OPTIONS ", b"CONNECT ")
TLS_RECORDS = {20: "change cipher spec", 21: "alert", 22: "handshake", 23: "application data"}
HINT_MAX = 40
NO_STATES = States("", "")
NOT_ASKED = Matched()


@dataclass(frozen=True, slots=True)
class Row:
    """One segment: `title` its flags and what it carries, `detail` its numbers, `mark` what is
    remarkable; `client` and `server` the state that an end has entered with it, '' where none;
    `pause` what follows it; `left_out` packets that come before it and are not shown;
    `client_kernel` and `server_kernel` how long after the packet the kernel entered that state.
    """

    segment: Segment
    title: str
    detail: str
    mark: str
    client: str
    server: str
    pause: Pause | None
    left_out: int = 0
    client_kernel: str = ""
    server_kernel: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """What is drawn of one connection; `left_out_after` packets follow the last row. `title` may
    have several lines. `kernel` has the kernel's own transitions, where they were recorded.
    """

    connection: Connection
    rows: tuple[Row, ...]
    left_out_after: int
    title: str
    kernel: Matched = NOT_ASKED

    @property
    def heading(self) -> str:
        client, server = (_place(one) for one in (self.connection.client, self.connection.server))
        kind = self.connection.protocol.upper()
        return f"{kind} connection {self.connection.number}: client {client}, server {server}"


def ladder(
    connection: Connection,
    setting: Setting | None = None,
    rows: int = ROWS,
    title: str = "",
    kernel: Matched = NOT_ASKED,
) -> Ladder:
    """The ladder of a connection, of at most `rows` segments: its beginning, and its end where it
    ended and there is room.
    """
    setting = setting or Setting()
    segments = connection.segments
    names = m.marks(segments)
    known = states(segments) if connection.protocol == "tcp" else [NO_STATES] * len(segments)
    shown = _shown(segments, rows)
    breaks = {one.after: one for one in pauses(connection, names, setting)}
    made, before, said = [], -1, NO_STATES
    for index in shown:
        now = known[index]
        entered = _entered(said.client, now.client), _entered(said.server, now.server)
        made.append(
            Row(
                segments[index],
                _title(segments[index], setting),
                _detail(segments[index]),
                names[index],
                *entered,
                breaks.get(index) if index + 1 in shown else None,
                index - before - 1,
                _by_kernel(kernel, index + 1, "client", entered[0]),
                _by_kernel(kernel, index + 1, "server", entered[1]),
            )
        )
        before, said = index, now
    return Ladder(connection, tuple(made), len(segments) - before - 1, title, kernel)


def _by_kernel(kernel: Matched, number: int, side: str, state: str) -> str:
    """`+3.1 us`: when the kernel entered this state, from packet `number` on; '' where it did not
    with this packet.
    """
    for one in kernel.transitions:
        if (one.side, one.number, one.change.after) == (side, number, state):
            return between_text(one)
    return ""


def between_text(one: Transition) -> str:
    """`+3.1 us` after the packet, `-0.8 us` before it; '-' where it has none."""
    if one.between_ns is None:
        return "-"
    return f"{'-' if one.between_ns < 0 else '+'}{format_duration(abs(one.between_ns))}"


def _entered(before: str, now: str) -> str:
    return now if now != before else ""


def telling(found: Sequence[Connection], setting: Setting | None = None) -> Connection | None:
    """The connection that shows most in its first rows: the most kinds of marks and causes, then
    the first. None where there is none.
    """

    def worth(one: Connection) -> tuple[bool, int, int]:
        begun = Connection(one.number, one.protocol, one.client, one.server, one.segments[:ROWS])
        names = m.marks(begun.segments)
        kinds = {pause.kind for pause in pauses(begun, names, setting)} | set(names)
        return one.has_handshake, len(kinds - {""}), -one.number

    return max(found, key=worth, default=None)


def _shown(segments: Sequence[Segment], rows: int) -> list[int]:
    count = len(segments)
    if count <= rows:
        return list(range(count))
    ended = any(one.has(FIN | RST) for one in segments[-TAIL:])
    tail = TAIL if ended and rows >= 3 * TAIL else 0
    return [*range(rows - tail), *range(count - tail, count)]


def _place(end: tuple[str, int]) -> str:
    host, port = end
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _title(one: Segment, setting: Setting) -> str:
    names = [name for name in one.packet.flag_names if name != "PSH" or not one.length]
    flags = ", ".join(names) if names and (names != ["ACK"] or not one.length) else ""
    return ": ".join(filter(None, (flags, hint(one, setting)))) or one.packet.protocol.upper()


def hint(one: Segment, setting: Setting) -> str:
    """What a segment carries, in a few words; '' where it carries nothing."""
    if not one.length:
        return ""
    head = one.packet.payload
    if head.startswith((*METHODS, b"HTTP/1.")):
        line = head.split(b"\r\n")[0].decode("latin-1")
        return f"{_printable(line)[:HINT_MAX]} ({one.length} B)"
    if len(head) > 4 and head[0] in TLS_RECORDS and head[1] == 3:
        return f"TLS {TLS_RECORDS[head[0]]} ({one.length} B)"
    return _message(one, setting) or f"{one.length} B"


def _message(one: Segment, setting: Setting) -> str:
    """Where fixed-size messages are known: which bytes of which message."""
    size = setting.message_bytes
    if not size or one.packet.protocol != "tcp" or one.seq < 1:
        return ""
    what = "message" if one.from_client else "answer"
    number, offset = divmod(one.seq - 1, size)
    if offset == 0 and one.length == size:
        return f"{what} {number + 1} ({size} B)"
    if offset + one.length > size:
        return f"{one.length} B, from {what} {number + 1} on"
    part = (
        f"bytes {offset + 1} to {offset + one.length}" if one.length > 1 else f"byte {offset + 1}"
    )
    return f"{what} {number + 1}, {part} of {size}"


def _printable(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def _detail(one: Segment) -> str:
    if one.packet.protocol != "tcp":
        return ""
    parts = [f"seq {one.seq}"]
    if one.has(ACK):
        parts.append(f"ack {one.ack}")
    if one.length:
        parts.append(f"len {one.length}")
    if not one.has(RST):
        window = one.window_bytes
        parts.append(f"win {one.packet.window} (unscaled)" if window is None else f"win {window}")
    if one.has(SYN) and one.packet.options.mss:
        parts.append(f"mss {one.packet.options.mss}")
    if one.packet.options.sack:
        parts.append(f"sack {len(one.packet.options.sack)}")
    return ", ".join(parts)
