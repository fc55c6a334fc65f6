"""How a reader of certain ways splits a stream of bytes into requests.

A second implementation beside the C++ one, slow and plain: it shares nothing with it, and it can be
wrong on purpose. What a strict reader refuses has a rule's name (rules.py). No I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zyphos_lab.smuggle.chunks import chunked_end
from zyphos_lab.smuggle.lines import (
    TOKEN,
    NeedMoreError,
    RefusedError,
    blank_behind_token,
    is_token,
    line_of,
)
from zyphos_lab.smuggle.ways import Ways

BLANKS = b" \t"
CONTROLS = bytes(range(0x21)) + b"\x7f"
CONTROL_BYTES = frozenset(range(0x20)) - {0x09} | {0x7F}
NOT_IN_HOST = frozenset(b" \t,/@?#\\")
VERSION = re.compile(rb"HTTP/\d\.\d")
DIGITS = re.compile(rb"\d*")
LENGTH_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it was read; offsets are in the stream. `end`: of its body."""

    method: str
    target: str
    framing: str  # none, length, chunked
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Split:
    """Requests in order; then `refused` is a rule, or `rest` bytes are of an unfinished one."""

    messages: tuple[Message, ...]
    refused: str = ""
    rest: int = 0

    def shape(self) -> tuple[tuple[str, ...], str, bool]:
        """What two readers have to have in common to be said to agree."""
        targets = tuple(f"{one.method} {one.target} {one.start}" for one in self.messages)
        return targets, "refused" if self.refused else "", self.rest > 0


def split(data: bytes, ways: Ways, most: int = 1 << 30) -> Split:
    """`data` as a reader of these ways takes it: all of it, or so many requests at most."""
    messages: list[Message] = []
    at = 0
    try:
        while at < len(data) and len(messages) < most:
            message = _message(data, at, ways)
            messages.append(message)
            at = message.end
    except NeedMoreError:
        return Split(tuple(messages), rest=len(data) - at)
    except RefusedError as refused:
        return Split(tuple(messages), refused=refused.rule)
    return Split(tuple(messages), rest=len(data) - at)


@dataclass(slots=True)
class _Fields:
    """What the field lines of one head have said of its framing."""

    lengths: list[bytes]
    codings: list[bytes]
    hosts: list[bytes]
    expect: bool = False


def _message(data: bytes, at: int, ways: Ways) -> Message:
    start, (line, at) = _first_line(data, at, ways)
    method, target, old = _request_line(line)
    fields, at = _fields(data, at, ways)
    _check_host(target, fields.hosts, old, ways)
    framing, length = _framing(fields, old, ways)
    if not ways.bodies or (method == "GET" and not ways.bodies_of_get):
        framing, length = "none", 0
    if ways.expects and fields.expect:
        framing, length = "none", 0
    end = chunked_end(data, at, ways) if framing == "chunked" else at + length
    if end > len(data):
        raise NeedMoreError
    return Message(method, target, framing, start, at, end)


def _first_line(data: bytes, at: int, ways: Ways) -> tuple[int, tuple[bytes, int]]:
    for _ in range(ways.blank_lines + 1):
        line, after = line_of(data, at, ways)
        if line:
            return at, (line, after)
        at = after
    raise RefusedError("request_line")


def _request_line(line: bytes) -> tuple[str, str, bool]:
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[0] or not set(parts[0]) <= TOKEN or not parts[1]:
        raise RefusedError("request_line")
    if not VERSION.fullmatch(parts[2]):
        raise RefusedError("request_line")
    if not parts[2].startswith(b"HTTP/1."):
        raise RefusedError("version")
    if any(byte <= 0x20 or byte >= 0x7F for byte in parts[1]):
        raise RefusedError("request_line")
    return parts[0].decode(), parts[1].decode(), parts[2] == b"HTTP/1.0"


def _fields(data: bytes, at: int, ways: Ways) -> tuple[_Fields, int]:
    lines: list[bytes] = []
    while True:
        line, at = line_of(data, at, ways)
        if not line:
            break
        if line[:1] in (b" ", b"\t"):
            _folded(lines, line, ways)
        else:
            lines.append(line)
    found = _Fields([], [], [])
    for line in lines:
        _field(line, found, ways)
    return found, at


def _folded(lines: list[bytes], line: bytes, ways: Ways) -> None:
    if ways.fold == "refuse" or (ways.fold == "join" and not lines):
        raise RefusedError("fold")
    if ways.fold == "join":
        lines[-1] += b" " + line.strip(BLANKS)
    elif ways.fold == "field":
        lines.append(line.strip(BLANKS))


def _field(line: bytes, found: _Fields, ways: Ways) -> None:
    raw, colon, value = line.partition(b":")
    name = _name(raw, bool(colon), ways)
    value = _value(value.strip(BLANKS), ways)
    if name == b"expect":
        if value.lower() != b"100-continue" and ways.expectation == "refuse":
            raise RefusedError("expectation")
        found.expect = True
    lists = {
        b"content-length": found.lengths,
        b"transfer-encoding": found.codings,
        b"host": found.hosts,
    }
    if name in lists:
        lists[name].append(value)


def _value(value: bytes, ways: Ways) -> bytes:
    if not set(value) & CONTROL_BYTES:
        return value
    if ways.control == "refuse":
        raise RefusedError("control")
    return value.strip(CONTROLS) if ways.control == "strip" else value


def _name(raw: bytes, has_colon: bool, ways: Ways) -> bytes:
    """In lower case; empty where the line is to be ignored."""
    name = raw
    if raw[-1:] in (b" ", b"\t"):
        name = b"" if ways.space == "ignore" else raw.rstrip(BLANKS)
    if ways.space == "refuse" and blank_behind_token(raw):
        raise RefusedError("space_before_colon")
    if not (has_colon and is_token(name)):
        name = _odd_name(name, has_colon, ways)
    name = name.lower()
    return name.replace(b"_", b"-") if ways.underscore else name


def _odd_name(name: bytes, has_colon: bool, ways: Ways) -> bytes:
    if ways.odd == "refuse":
        raise RefusedError("field_name")
    return name if ways.odd == "keep" and has_colon else b""


def _check_host(target: str, hosts: list[bytes], old: bool, ways: Ways) -> None:
    if ways.hosts == "first":
        return
    if len(hosts) != 1:
        if hosts or not old:
            raise RefusedError("host_repeated" if hosts else "host_missing")
        return
    authority = target.partition("://")[2].split("/")[0]
    if set(hosts[0]) & NOT_IN_HOST:
        raise RefusedError("host_malformed")
    if authority and hosts[0].decode("latin-1").lower() != authority.lower():
        raise RefusedError("host_disagrees")


def _framing(fields: _Fields, old: bool, ways: Ways) -> tuple[str, int]:
    chunked = _chunked(fields.codings, ways)
    length = _length(fields.lengths, ways)
    if chunked:
        chunked = _goes_by_coding(length is not None, old, ways)
    if chunked:
        return "chunked", 0
    return ("length", length) if length else ("none", 0)


def _goes_by_coding(has_length: bool, old: bool, ways: Ways) -> bool:
    if ways.both == "refuse" and (has_length or old):
        raise RefusedError("length_and_coding" if has_length else "coding_in_http10")
    if old and not ways.old_coding:
        return False
    return ways.both == "coding" or not has_length


def _members(values: list[bytes]) -> list[bytes]:
    named = [one.strip(BLANKS).lower() for value in values for one in value.split(b",")]
    return [one for one in named if one]


def _chunked(values: list[bytes], ways: Ways) -> bool:
    members = _members(values)
    if not values or members == [b"chunked"]:
        return bool(values)
    if ways.coding == "refuse":
        raise RefusedError("coding_repeated" if set(members) == {b"chunked"} else "coding_unknown")
    if ways.coding == "last":
        return members[-1:] == [b"chunked"]
    return ways.coding == "anywhere" and b"chunk" in b",".join(members)


def _length(values: list[bytes], ways: Ways) -> int | None:
    if not values:
        return None
    if len(values) > 1 and ways.lengths == "refuse":
        raise RefusedError("length_repeated")
    value = values[-1] if ways.lengths == "last" else values[0]
    if value.isdigit() and int(value) <= LENGTH_MAX:
        return int(value)
    return _odd_length(value, ways)


def _odd_length(value: bytes, ways: Ways) -> int | None:
    if ways.number == "refuse" or value.isdigit():
        raise RefusedError("length_odd")
    if ways.number == "ignore":
        return None
    found = DIGITS.match(value.lstrip(b"+").lstrip(BLANKS))
    return int(found[0] or b"0") if found else 0
