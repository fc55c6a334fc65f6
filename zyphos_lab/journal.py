"""The journal's lines: how an event is written, and what can be read of a file after any fault.

A line is one JSON object; its last member `crc` is the CRC-32 of the bytes before it, so that a
flipped byte is noticed also where it leaves JSON. Whole lines are found before and after damage,
also where the line break itself was hit; runs older than the checksum are read without one. This
file does not know folders, locks or tables.

Thread safety: pure functions; `Journal` is plain data.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKSUM = "crc32"
Event = dict[str, Any]

_CRC = re.compile(rb',"crc":"([0-9a-f]{8})"\}')
_CRC_BYTES = len(b',"crc":"00000000"}')
_WHOLE = re.compile(rb'\{"event":(?:(?!\{"event":).)*?,"crc":"[0-9a-f]{8}"\}', re.DOTALL)
_TRIAL = b'{"event":"trial"'


@dataclass(frozen=True, slots=True)
class Damage:
    """A line (from 1; 0: the file's end) that is no event any more; `bytes` of it are lost."""

    line: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Line:
    """A whole event: where it stands, and what it says without its histograms (`light`)."""

    offset: int
    bytes: int
    light: Event


@dataclass(slots=True)
class Journal:
    """What was found in a journal: whole events, damaged lines, and a last line that was torn."""

    lines: list[Line] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    whole_bytes: int = 0
    torn_bytes: int = 0


def encode(event: Event) -> bytes:
    """The line of an event, with checksum and line break. ValueError for NaN and infinity."""
    body = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()[:-1]
    return body + b',"crc":"%08x"}\n' % zlib.crc32(body)


def decode(text: bytes, checked: bool) -> Event | None:
    """The event of a line without its break; None where it is damaged.

    `checked`: every line of this journal has a checksum, so one without it is damaged.
    """
    found = _CRC.fullmatch(text[-_CRC_BYTES:])
    if found is None and checked:
        return None
    if found is not None and int(found[1], 16) != zlib.crc32(text[:-_CRC_BYTES]):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    if not isinstance(event, dict) or "event" not in event:
        return None
    event.pop("crc", None)
    return event


def light(event: Event) -> Event:
    """The event without what is large; the histograms stay in the file."""
    heavy = ("histograms", "intervals")
    return {name: value for name, value in event.items() if name not in heavy}


def read(path: Path, checked: bool) -> Journal:
    """Everything that is whole. Cost: O(file) time; memory for the rows, not the histograms."""
    journal = Journal()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                journal.torn_bytes = len(line)
                break
            found = list(_events(line[:-1], journal.whole_bytes, checked))
            lost = len(line) - 1 - sum(whole.bytes for whole in found)
            if lost:
                journal.damaged.append(Damage(number, lost))
            journal.lines += found
            journal.whole_bytes += len(line)
    return journal


def _events(text: bytes, offset: int, checked: bool) -> Iterator[Line]:
    """The line's event; of a damaged one the whole events within it."""
    event = decode(text, checked)
    if event is not None:
        yield Line(offset, len(text), light(event))
        return
    for found in _WHOLE.finditer(text):
        event = decode(found[0], checked)
        if event is not None:
            yield Line(offset + found.start(), len(found[0]), light(event))


def full(path: Path, lines: list[Line]) -> Iterator[Event]:
    """These events again, with everything that they hold."""
    if not lines:
        return
    with path.open("rb") as file:
        for line in lines:
            file.seek(line.offset)
            event: Event = json.loads(file.read(line.bytes))
            event.pop("crc", None)
            yield event


def count_trials(path: Path, offset: int = 0) -> int:
    """How many trials stand in the file from `offset` on, without parsing them; 0: no file."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return sum(line.startswith(_TRIAL) and line.endswith(b"\n") for line in file)
    except FileNotFoundError:
        return 0


def has_line(path: Path, offset: int) -> bool:
    """Whether a whole line stands at `offset` or after it; a torn one is none."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.readline().endswith(b"\n")
    except FileNotFoundError:
        return False
